import { COMMANDS } from './commands.js';
import { declarationsOf } from './declaration.js';
import type { Declaration } from './declaration.js';
import { runCommands } from './run.js';
import type { Program } from './run.js';

/** The commands as completions and manual pages show them. */
export const imageDeclarations = (): Declaration[] => declarationsOf(COMMANDS);

export { COMMANDS };
export type { HostJudge, HostProblem } from '../verify/host.js';
export type { Candidates } from './command.js';
export type { Declaration, HelpEntry, OptionDeclaration } from './declaration.js';
export type { Program } from './run.js';

/** Runs the command line of this process. */
export async function runProgram(program: Program): Promise<void> {
  await runCommands(program, COMMANDS);
}
