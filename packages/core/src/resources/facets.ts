import type { core_entry, mm_entry } from '@criu-ts/images';
import type { Batch, RemoteSyscalls } from '@criu-ts/tracee';
import type { DumpTask, DumpThread } from '../model/dump-task.js';
import type { DumpContext, RestoreContext, RestoreTask, RestoreThread } from './contexts.js';

/** A process being restored, with its images. */
export interface ProcessToRestore extends RestoreTask {
  /** The main thread's: `tc`, `threadCore`, `threadInfo`. */
  readonly core: core_entry;
  readonly mm: mm_entry;
  /** By thread id, the main thread's too. */
  readonly threadCores: ReadonlyMap<number, core_entry>;
}

/** A thread being restored, with its image; for the main thread that is the process's. */
export interface ThreadToRestore extends RestoreThread {
  readonly task: ProcessToRestore;
  readonly core: core_entry;
}

/** When the calls of a facet are made. In each phase a process's come first, then those of each of its threads, the main thread included. */
export type RestorePhase = (typeof restorePhases)[number]['name'];

export const restorePhases = [
  { name: 'early', because: 'memory is filled under these rules, and /proc is still where we know it' },
  { name: 'late', because: 'they point into memory, name threads, or would change how memory and files are restored' },
  { name: 'last', because: 'limits and credentials forbid what the phases before need' },
  { name: 'arm', because: 'a change of credentials resets it, or it runs from now on and no time must be lost' },
] as const;

export interface RestoreStep<Run> {
  readonly phase: RestorePhase;
  /** Why not in the phase before. */
  readonly because: string;
  readonly run: Run;
}

/** A part of a process's state that is no file and no memory: both directions in one file. */
export interface ProcessFacet {
  readonly name: string;
  /** Refuses what can't be kept, before any task is steered. */
  judge?(task: DumpTask, at: DumpContext): void;
  /** Fills its fields of `core`, the main thread's image. `remote` is the main thread. */
  capture(task: DumpTask, core: core_entry, remote: RemoteSyscalls, at: DumpContext): void;
  /** Steps that add the calls which make the blank process so; the batch runs in the main thread. */
  readonly restore: readonly RestoreStep<(process: ProcessToRestore, batch: Batch, at: RestoreContext) => void>[];
}

/** The same for what each thread has for itself; for the main thread too. */
export interface ThreadFacet {
  readonly name: string;
  /** Refuses what can't be kept, before any task is steered. */
  judge?(thread: DumpThread, at: DumpContext): void;
  /** Fills its fields of `thread.core`. `remote` is the thread itself. */
  capture(thread: DumpThread, remote: RemoteSyscalls, at: DumpContext): void;
  /** The batch runs in the thread itself. */
  readonly restore: readonly RestoreStep<(thread: ThreadToRestore, batch: Batch, at: RestoreContext) => void>[];
}
