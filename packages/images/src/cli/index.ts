export { COMMANDS } from './commands.js';
export { runProgram } from './run.js';
