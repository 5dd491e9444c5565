import type { DumpOptions, DumpResult, RestoreOptions, RestoreResult } from '@criu-ts/core';

/** What a command needs of @criu-ts/core; tests hand in another one. */
export interface Core {
  dump(options: DumpOptions): Promise<DumpResult>;
  restore(options: RestoreOptions): Promise<RestoreResult>;
}

/** The outside world of a run. */
export interface Io {
  /** The name we were called by; `criu` makes us a drop-in: its exit codes, nothing on the terminal but errors. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Columns of the terminal that stderr is; 0 where it is none. */
  readonly columns: number;
  /** Loaded late: the help needs none of it. */
  readonly loadCore: () => Promise<Core>;
  /** Calls back once on SIGINT, SIGTERM or SIGHUP; the function returned ends that. */
  readonly onInterrupt: (callback: (signal: string) => void) => () => void;
}
