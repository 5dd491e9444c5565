import type { DumpOptions, DumpResult, RestoreOptions, RestoreResult } from '@criu-ts/core';

/** What commands need of @criu-ts/core. Each is loaded late, and without the other; tests hand in other ones. */
export interface Core {
  readonly loadDump: () => Promise<{ readonly dump: (options: DumpOptions) => Promise<DumpResult> }>;
  readonly loadRestore: () => Promise<{ readonly restore: (options: RestoreOptions) => Promise<RestoreResult> }>;
}

/** The outside world of a run. */
export interface Io extends Core {
  /** The name we were called by; `criu` makes us a drop-in: its exit codes, nothing on the terminal but errors. */
  readonly name: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Columns of the terminal that stderr is; 0 where it is none. */
  readonly columns: number;
  /** Calls back once on SIGINT, SIGTERM or SIGHUP; the function returned ends that. */
  readonly onInterrupt: (callback: (signal: string) => void) => () => void;
}
