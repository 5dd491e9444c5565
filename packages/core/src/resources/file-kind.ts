import type { fd_types, file_entry, fown_entry, reg_file_entry } from '@criu-ts/images';
import type { FdInfo, ProcStat } from '@criu-ts/kernel/procfs';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import type { Batch, Puppet } from '@criu-ts/tracee';
import type { TaskName } from '../errors.js';
import type { DumpContext, RestoreContext, RestoreTask } from './contexts.js';
import type { FileStat } from '../files/paths.js';

/** What is known of an open file (a struct file) from outside. */
export interface InspectedFile {
  readonly task: TaskName;
  /** Of a task's descriptor table; undefined for exe, cwd, root and mapped files. */
  readonly fd: number | undefined;
  /** Path below /proc that leads to it: `/proc/7/fd/3`, `/proc/7/map_files/…`, `/proc/7/exe`. */
  readonly procPath: string;
  /** Where that link points: `/path`, `/path (deleted)`, `pipe:[7]`, `anon_inode:[eventpoll]`, … */
  readonly link: string;
  readonly stat: FileStat;
  /** O_* of the open file, without O_CLOEXEC (that is the descriptor's). 0 where there is no descriptor. */
  readonly flags: number;
  readonly pos: bigint;
  readonly mntId: number;
  /** fdinfo; undefined where there is no descriptor */
  readonly info: FdInfo | undefined;
  /** Of a socket: SO_DOMAIN. */
  readonly family?: number;
  /** F_GETOWN_EX, F_GETOWNER_UIDS and F_GETSIG. */
  readonly fown: fown_entry;
  /** A duplicate of it, ours (pidfd_getfd); where there is no descriptor, opened anew through procPath with O_PATH. */
  open(): OwnedFd;
}

/** A descriptor through which a task reaches a file. */
export interface Holder {
  readonly pid: number;
  readonly fd: number;
}

export interface FileDumpContext extends DumpContext {
  /** The file's number in the images. */
  readonly id: number;
  /** All descriptors of the tree that are this file, by task; none for exe, cwd, root and mapped files. */
  readonly holders: readonly Holder[];
  /** The descriptors of a task, and what they are. */
  descriptorsOf(pid: number): ReadonlyMap<number, InspectedFile>;
  /** All open files of the tree. Complete when files are judged. */
  allFiles(): readonly { readonly id: number; readonly file: InspectedFile }[];
  /** /proc/PID/stat of all processes of the tree that live. */
  processes(): readonly ProcStat[];
  /** A number for one more entry of files.img. */
  nextFileId(): number;
}

export interface FileCollectContext extends FileDumpContext {
  /**
   * An open file that no descriptor table has: it is dumped like the others.
   * @param fd a descriptor of ours, which stays until the dump ends
   * @returns its number in the images
   */
  addHeld(fd: OwnedFd): number;
}

/** Another name under which a file lies for the time of a restore (remap-fpath.img). */
export type Remap = { readonly kind: 'ghost'; readonly ghost: number } | { readonly kind: 'linked'; readonly file: number } | { readonly kind: 'dead-process'; readonly pid: number };

/** Processes that are there to make calls, with our credentials, root and namespaces. */
export interface Callers {
  /** Of the tree, by pid. */
  readonly processes: ReadonlyMap<number, RestoreTask>;
  /** One with the pid of a process that had ended, until all files are installed; undefined: the pid is taken. */
  standIn(pid: number): Puppet | undefined;
}

export interface FileRestoreContext extends RestoreContext {
  /** For calls that others will remember by who made them. */
  readonly callers: Callers;
  remapOf(id: number): Remap | undefined;
  /** The entry of a file in files.img. @throws ImageCorrupt */
  entry(id: number): file_entry;
  /** The part that named files share. @throws ImageCorrupt where the file is of another type */
  regular(id: number): reg_file_entry;
  /** A descriptor of ours, given by the caller, that takes the place of the resource (`pipe:[7]`); a new duplicate. */
  inherited(resource: string): OwnedFd | undefined;
  /** Writes what the images have of a shared memory object into an empty one. */
  fillSharedMemory(shmid: bigint, fd: OwnedFd): void;
  /** An open file that somebody needs beside the tasks: ours until the restore of files ends. */
  held(id: number): OwnedFd;
  /** Done when every file of the images is open, before anything is connected to them. */
  whenOpen(action: () => void): void;
  /** Done when all files of all tasks stand: helpers that only opening needs. */
  whenInstalled(action: () => void): void;
  /** The same, when the temporary names of removed files are gone too. */
  whenSettled(action: () => void): void;
}

export interface FileConnectContext extends RestoreContext {
  /** The descriptor in the task that has it. */
  readonly fd: number;
  /** Whether the task has this descriptor. */
  hasDescriptor(fd: number): boolean;
  /** Calls made by that task when all its descriptors stand. */
  readonly batch: Batch;
}

/**
 * A kind of open file: everything about one kernel object in one file.
 * `Judged` is what {@link judge} found out and {@link capture} needs.
 */
export interface FileKind<Judged = unknown> {
  /** In errors, events and `check`: `eventfd`. */
  readonly name: string;
  /** The types in files.img that it reads. */
  readonly type: fd_types;
  /** Pure; the first kind of the registry that says yes has it. */
  recognises(file: InspectedFile, host: HostFiles): boolean;
  /** First of all: open files that only this one holds (in a queue). @throws Unsupported */
  collect?(file: InspectedFile, at: FileCollectContext): void;
  /** @throws Unsupported with why and hint where this one can't be dumped; object and task are added. Nothing is written yet. */
  judge?(file: InspectedFile, at: FileDumpContext): Judged;
  /** The kernel's state as plain data: the message under its field, as `{ efd: … }`. Leaves no trace in the task. */
  capture(file: InspectedFile, at: FileDumpContext, judged: Judged): Partial<file_entry>;
  /**
   * For `explain`: what this host lacks for {@link reopen}, found out without a lasting trace.
   * @throws HostLacks, Unsupported, ImageCorrupt as {@link reopen} would
   */
  preflight?(entry: file_entry, at: FileRestoreContext): void;
  /** Opens it anew in our process; it is then installed wherever it belongs. */
  reopen(entry: file_entry, at: FileRestoreContext): OwnedFd;
  /** For mappings: another open file of the same inode. Absent: it can't be mapped. */
  openForMapping?(entry: file_entry, flags: number, at: FileRestoreContext): OwnedFd;
  /** A mapping of it can't be put at a place of one's choice. */
  readonly choosesPlace?: boolean;
  /** Who is signalled: put on by the first task that has the file. */
  fown?(entry: file_entry, at: FileRestoreContext): fown_entry | undefined;
  /** Whether the task has all that {@link connect} needs. */
  connects?(entry: file_entry, at: FileConnectContext): boolean;
  /** Second pass, in the task: what needs other descriptors to stand (epoll). */
  connect?(entry: file_entry, at: FileConnectContext): void;
}

/** Facts of the host by which files are recognised. */
export interface HostFiles {
  /** st_dev of the kernel's own tmpfs: memfds, shared anonymous memory, System V segments. */
  readonly shmemDev: bigint;
}
