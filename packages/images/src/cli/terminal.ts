import type { HostJudge } from '../verify/host.js';

/** All that the commands know of the world outside the images. */
export interface Terminal {
  /** of the program, in messages */
  readonly name: string;
  readonly version: string;
  /** of the terminal that standard output is; 0 where it is none */
  readonly columns: number;
  /** Asks this host whether it can restore a checkpoint; absent in a program that knows only images. */
  readonly host?: HostJudge;
  /** All of standard input. */
  stdin(): Uint8Array;
  stdout(what: string | Uint8Array): void;
  stderr(text: string): void;
}

/** The command line is not one of ours; the message says what is wrong with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
