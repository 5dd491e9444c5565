import { COMMANDS } from './commands.js';
import { runCommands } from './run.js';
import type { Program } from './run.js';

export { COMMANDS };
export type { HostJudge, HostProblem } from '../verify/host.js';
export type { Program } from './run.js';

/** Runs the command line of this process. */
export async function runProgram(program: Program): Promise<void> {
  await runCommands(program, COMMANDS);
}
