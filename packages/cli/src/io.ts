import type { CheckOptions, DumpOptions, DumpResult, ExplainDumpOptions, ExplainRestoreOptions, Explanation, HostCheck, RestoreOptions, RestoreResult } from '@criu-ts/core';
import type { CommandName } from './options/spec.js';
import type { Values } from './options/table.js';

/** A command's function: the exit code comes back. */
export type Execute = (values: Values, io: Io, operands: readonly string[]) => Promise<number>;

/** The API's functions; tests hand in others. */
export type Dump = (options: DumpOptions) => Promise<DumpResult>;
export type Restore = (options: RestoreOptions) => Promise<RestoreResult>;

export type Explain = (options: ExplainDumpOptions | ExplainRestoreOptions) => Promise<Explanation>;
export type Check = (options?: CheckOptions) => Promise<HostCheck>;

/** Replaces this program by another; does not return. */
export type Exec = (argv: readonly string[], env: NodeJS.ProcessEnv) => never;

/** Loads a command when it is known, and no sooner. */
export type LoadCommand = (name: CommandName) => Execute;

/** The outside world of a run. */
export interface Io {
  readonly loadCommand: LoadCommand;
  /** The name we were called by; `criu` makes us a drop-in: its exit codes, nothing on the terminal but errors. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Columns of the terminal that stderr is; 0 where it is none. */
  readonly columns: number;
  /** From here on the modes of our terminal stay as they are when we end: somebody else has it now. Nothing can be written any more. */
  readonly leaveTerminal: () => void;
  /** Calls back once on SIGINT, SIGTERM or SIGHUP; the function returned ends that. */
  readonly onInterrupt: (callback: (signal: string) => void) => () => void;
}
