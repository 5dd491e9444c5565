export { COMMANDS } from './commands.js';
export { runProgram } from './run.js';
export type { Program } from './run.js';
export type { HostJudge, HostProblem } from '../verify/host.js';
