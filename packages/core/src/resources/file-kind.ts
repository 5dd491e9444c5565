import type { fd_types, file_entry, fown_entry } from '@criu-ts/images';
import type { FdInfo } from '@criu-ts/kernel/procfs';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';
import type { TaskName } from '../errors.js';
import type { DumpContext, RestoreContext } from './contexts.js';

/** What is known of an open file (a struct file) from outside. */
export interface InspectedFile {
  readonly task: TaskName;
  /** Of a task's descriptor table; undefined for exe, cwd, root and mapped files. */
  readonly fd: number | undefined;
  /** Path below /proc that leads to it: `/proc/7/fd/3`, `/proc/7/map_files/…`, `/proc/7/exe`. */
  readonly procPath: string;
  /** Where that link points: `/path`, `/path (deleted)`, `pipe:[7]`, `anon_inode:[eventpoll]`, … */
  readonly link: string;
  readonly mode: number;
  /** In user space's encoding, as stat(2) gives it. */
  readonly dev: bigint;
  readonly rdev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
  readonly size: bigint;
  /** O_* of the open file, without O_CLOEXEC (that is the descriptor's). */
  readonly flags: number;
  readonly pos: bigint;
  readonly mntId: number;
  /** fdinfo; undefined where there is no descriptor */
  readonly info: FdInfo | undefined;
  /** F_GETOWN and F_GETSIG. */
  readonly fown: fown_entry;
  /** A duplicate of it, ours (pidfd_getfd); where there is no descriptor, opened anew through procPath. */
  open(): OwnedFd;
}

export interface FileDumpContext extends DumpContext {
  /** The file's number in the images. */
  readonly id: number;
  /** The number of another open file of the same process: what an epoll watches, what a socket passes along. */
  idOfDescriptor(fd: number): number;
}

export interface FileConnectContext extends RestoreContext {
  /** The descriptor in the task that has it. */
  readonly fd: number;
  /** Calls made by that task when all its descriptors stand. */
  readonly batch: Batch;
}

/** A kind of open file: everything about one kernel object in one file. */
export interface FileKind {
  /** In errors, events and `check`: `eventfd`. */
  readonly name: string;
  readonly type: fd_types;
  /** Pure; the first kind of the registry that says yes has it. */
  recognises(file: InspectedFile): boolean;
  /** Why this one can't be dumped: told by `at.refuse`. Nothing is written yet. */
  judge?(file: InspectedFile, at: DumpContext): void;
  /** The kernel's state as plain data: the message under its field, as `{ efd: … }`. Leaves no trace in the task. */
  capture(file: InspectedFile, at: FileDumpContext): Partial<file_entry>;
  /** Opens it anew in our process; it is then installed wherever it belongs. */
  reopen(entry: file_entry, at: RestoreContext): OwnedFd;
  /** Second pass, in the task: what needs other descriptors to stand (epoll). */
  connect?(entry: file_entry, at: FileConnectContext): void;
}
