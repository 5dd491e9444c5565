import type { core_entry } from '@criu-ts/images';
import type { Batch, RemoteSyscalls } from '@criu-ts/tracee';
import type { DumpTask, DumpThread } from '../model/dump-task.js';
import type { DumpContext, RestoreContext, RestoreTask } from './contexts.js';

/**
 * A part of a process's state that is no file and no memory: both directions in one file.
 * Calls into a task are made by its main thread.
 */
export interface ProcessFacet {
  readonly name: string;
  /** Fills its fields of `core` (the main thread's image: `tc`, `threadCore`). */
  capture(task: DumpTask, core: core_entry, remote: RemoteSyscalls, at: DumpContext): void;
  /** Adds the calls that make the blank process so. */
  restore(task: RestoreTask, core: core_entry, batch: Batch, at: RestoreContext): void;
}

/** The same for what each thread has for itself; for the main thread too. */
export interface ThreadFacet {
  readonly name: string;
  capture(thread: DumpThread, core: core_entry, remote: RemoteSyscalls, at: DumpContext): void;
  /** `core` is the thread's image. The batch runs in the thread itself. */
  restore(task: RestoreTask, core: core_entry, batch: Batch, at: RestoreContext): void;
}
