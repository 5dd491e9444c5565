import type { TaskName } from './errors.js';

/**
 * What `onEvent` is called with, in order of time. Times are milliseconds (with fractions) on the monotonic clock;
 * `at` counts from the start of the dump or restore.
 */
export type CriuEvent = { readonly at: number } & (
  | StageBegin
  | StageEnd
  | Progress
  | TaskFrozen
  | TasksThawed
  | TaskRestored
  | Warning
  | Note
  | SyscallTrace
  | Statistics
);

/** Without the time: what stages hand to their emitter, which adds it. */
export type CriuEventBody = CriuEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

export interface StageBegin {
  readonly type: 'stage-begin';
  readonly stage: string;
}

/** Of a stage that came to its end, or (`failed`) threw. */
export interface StageEnd {
  readonly type: 'stage-end';
  readonly stage: string;
  readonly ms: number;
  readonly failed?: boolean;
}

/** Bytes of memory written or read so far. Emitted at most every few milliseconds; the last one has `done === total`. */
export interface Progress {
  readonly type: 'progress';
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** All threads of the process stand still. */
export interface TaskFrozen {
  readonly type: 'task-frozen';
  readonly task: TaskName;
  readonly threads: number;
}

/** The tree runs again (or was killed, or left stopped), `frozenMs` after the first of its tasks was stopped. */
export interface TasksThawed {
  readonly type: 'tasks-thawed';
  readonly frozenMs: number;
  readonly state: 'running' | 'stopped' | 'killed';
}

export interface TaskRestored {
  readonly type: 'task-restored';
  readonly task: TaskName;
  readonly threads: number;
}

/** Something the user should know, though the work goes on. */
export interface Warning {
  readonly type: 'warning';
  readonly text: string;
  readonly task?: TaskName;
}

/** Something for the log: what was found, which way was chosen. `detail` marks what is of use only when hunting a bug. */
export interface Note {
  readonly type: 'note';
  readonly text: string;
  readonly task?: TaskName;
  readonly detail?: boolean;
}

/** A remote call in strace's manner: `mmap(0x7f…, 4096, PROT_READ, …) = 0x7f…`. Only with `traceSyscalls`. */
export interface SyscallTrace {
  readonly type: 'syscall';
  readonly tid: number;
  readonly text: string;
}

/** Emitted once, last. */
export interface Statistics {
  readonly type: 'statistics';
  readonly stats: DumpStats | RestoreStats;
}

/** CRIU's `dump_stats_entry` (stats.proto). Times in microseconds. */
export interface DumpStats {
  readonly kind: 'dump';
  /** From the first stop to the last. */
  readonly freezingTime: number;
  /** From the first stop to the thaw (or the kill). */
  readonly frozenTime: number;
  /** Finding out what pages there are, and reading them. */
  readonly memdumpTime: number;
  /** Writing pages to the images. */
  readonly memwriteTime: number;
  readonly pagesScanned: number;
  readonly pagesSkippedParent: number;
  readonly pagesWritten: number;
  readonly pagesLazy: number;
  readonly shpagesScanned: number;
  readonly shpagesSkippedParent: number;
  readonly shpagesWritten: number;
}

/** CRIU's `restore_stats_entry` (stats.proto). Times in microseconds. */
export interface RestoreStats {
  readonly kind: 'restore';
  readonly pagesCompared: number;
  readonly pagesSkippedCow: number;
  readonly pagesRestored: number;
  /** Growing the tree of blank processes. */
  readonly forkingTime: number;
  /** From the start to the moment the tree runs. */
  readonly restoreTime: number;
}
