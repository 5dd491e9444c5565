// What dump and restore hand to the resources, and nothing more: state travels as arguments.
import type { ImageSet, ImageType } from '@criu-ts/images';
import type { Puppet } from '@criu-ts/tracee';
import type { CriuError, TaskName } from '../errors.js';
import type { CriuEventBody } from '../events.js';
import type { DumpOptions, RestoreOptions } from '../options.js';
import type { NamespaceName } from './identity.js';

/** Entries of shared images (files, pipes-data, …), gathered during the capture and written at its end. */
export interface EntryCollector {
  append<Entry>(type: ImageType<Entry>, entry: Entry, id?: number): void;
}

/** Thrown by a judgement that needs a thread to stand still, where it runs on (`explain`). */
export class NeedsFreezing extends Error {
  override readonly name = 'NeedsFreezing';
}

export interface DumpContext extends EntryCollector {
  readonly options: DumpOptions;
  /** The tree runs on (`explain`): what only a thread that stands still tells can't be asked, see {@link NeedsFreezing}. */
  readonly running?: boolean;
  readonly images: ImageSet;
  emit(event: CriuEventBody): void;
  /** Reports an object that can't be dumped; the dump goes on looking, and is refused before anything is written. */
  refuse(problem: CriuError): void;
  /** One per dump and key: what several files share (a pipe's two ends, an inode's ghost). */
  shared<T>(key: string, make: () => T): T;
  /**
   * A shared memory object (anonymous, memfd) whose contents go into `pagemap-shmem-<shmid>`.
   * @param shmid its inode  @param procPath a path below /proc that opens it: `/proc/7/map_files/…`, `/proc/7/fd/3`
   */
  noteSharedMemory(shmid: bigint, procPath: string): void;
  /** Whether it is a process of the tree, alive or a zombie. */
  hasProcess(pid: number): boolean;
  /**
   * Its number in the images: the inode, where that is not the id of a System V segment, whose pages have the same names.
   * @param huge of hugetlbfs, which counts inodes for itself
   */
  sharedMemoryId(inode: bigint, huge?: boolean): bigint;
  /** A new number, counted from 1 for each sequence: file ids, pipe ids, ghost ids … */
  nextId(sequence: string): number;
  /** The number in the images of the namespace of that kind and inode; undefined: it is neither the tree's nor ours. */
  namespaceId(name: NamespaceName, inode: number): number | undefined;
  /** Undone in reverse order when the dump ends, however it does. */
  defer(undo: () => void): void;
  /** Undone in reverse order when the dump fails after this point. */
  undoOnFailure(undo: () => void): void;
}

/** A process being restored. */
export interface RestoreTask {
  readonly pid: number;
  readonly name: TaskName;
  /** Its main thread. */
  readonly puppet: Puppet;
}

/** A thread being restored; the main thread is one too. */
export interface RestoreThread {
  readonly task: RestoreTask;
  readonly tid: number;
  readonly puppet: Puppet;
}

export interface RestoreContext {
  readonly options: RestoreOptions;
  readonly images: ImageSet;
  emit(event: CriuEventBody): void;
  /** A path that leads to the namespace with that number in the images; undefined: the tree has no such namespace. */
  namespacePath(name: NamespaceName, id: number): string | undefined;
  /** One per restore and key. */
  shared<T>(key: string, make: () => T): T;
  /** Undone in reverse order when the restore fails or ends: temporary links, descriptors of ours. */
  defer(undo: () => void): void;
}
