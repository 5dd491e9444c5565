import type { ParseArgsConfig } from 'node:util';
import type { Terminal } from './terminal.js';

export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly positionals: readonly string[];
}

/** What a shell can offer where a value is due: files, these words, or nothing. */
export type Candidates = 'file' | 'nothing' | readonly string[];

export interface Command {
  readonly summary: string;
  /** what follows the command's name */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** names of the positional arguments, all of which are needed */
  readonly positionals: readonly string[];
  /** those of them that may be left out */
  readonly optional?: readonly string[];
  /** what completes an option's value or a positional argument, where it is neither a file nor anything */
  readonly candidates?: Readonly<Record<string, Candidates>>;
  /** lines on the options, for --help */
  readonly help: readonly string[];
  /** The exit code, where it is not 0. */
  run(args: Arguments, terminal: Terminal): undefined | Promise<number | undefined>;
}
