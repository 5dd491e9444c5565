import type { ImageSet, ImageType, mm_entry } from '@criu-ts/images';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import type { FrozenTree } from '@criu-ts/tracee';
import type { CriuError } from '../errors.js';
import type { DumpStats } from '../events.js';
import type { DeadTask, DumpTask } from '../model/dump-task.js';
import type { Moment } from '../moments.js';
import { reach } from '../reach.js';
import type { DumpOptions } from '../options.js';
import type { DumpContext } from '../resources/contexts.js';
import type { CgroupFreezer } from '../resources/cgroups/freezer.js';
import type { DescribedVma } from '../resources/memory/describe-vmas.js';
import type { PageList } from '../resources/memory/pagemap-entries.js';
import type { PagesFile } from '../resources/memory/pages-file.js';
import { segmentIds } from '../resources/memory/system-v.js';
import type { Sleepers } from '../resources/task/index.js';
import { Scope } from '../scope.js';
import type { Emit } from '../stage.js';
import type { NamespaceName } from '../resources/identity.js';
import { DumpFiles } from './files.js';
import { TreeNamespaces } from './tree-namespaces.js';
import { SharedMemories } from './shared-memories.js';

/** Ids of System V segments are positive numbers of 32 bits. */
const NO_SEGMENT = 0x8000_0000n;
/** Shared memory of hugetlbfs. */
const HUGE = 0xc000_0000n;

/** Pages that were copied into a file of pages. */
export interface DumpedPages {
  readonly list: PageList;
  readonly file: NumberedPages;
}

/** `pages-<id>.img` while it is being written. */
export interface NumberedPages {
  readonly id: number;
  readonly file: PagesFile;
}

/** The state of one dump, filled in stage by stage. */
export class DumpRun implements DumpContext {
  readonly options: DumpOptions;
  readonly emit: Emit;
  /** What stays taken until the end, whatever the end. */
  readonly scope: Scope;
  /** What is undone only when the dump fails: forgotten once the images are complete. */
  readonly failureScope: Scope;
  readonly images: ImageSet;
  readonly imagesDirectory: OwnedFd;
  readonly files: DumpFiles;
  readonly problems: CriuError[] = [];
  readonly stats: { -readonly [K in keyof DumpStats]: DumpStats[K] } = {
    kind: 'dump', freezingTime: 0, frozenTime: 0, memdumpTime: 0, memwriteTime: 0, pagesScanned: 0, pagesSkippedParent: 0, pagesWritten: 0, pagesLazy: 0,
    shpagesScanned: 0, shpagesSkippedParent: 0, shpagesWritten: 0,
  };

  /** Set by `freeze`, undefined again once released. */
  tree: FrozenTree | undefined;
  running = false;
  frozenAt = 0;
  /** Of the cgroup that the caller named. */
  freezer: CgroupFreezer | undefined;
  /** The number of our own set of cgroups. */
  ownCgroups = 1;
  /** Somebody wished at `post-dump` that the tree runs on. */
  keepRunning = false;
  /** Looked at right before the freeze. */
  sleepers: Sleepers = new Map();
  tasks: readonly DumpTask[] = [];
  /** Zombies. */
  dead: readonly DeadTask[] = [];
  /** Who has the same memory as whom. What follows is by the pid of its first process. */
  readonly memory = new SharedMemories();
  readonly vmas = new Map<number, readonly DescribedVma[]>();
  /** mm-<pid>.img */
  readonly mms = new Map<number, mm_entry>();
  /** Allocated before the freeze where it was foreseen. */
  readonly pagesFiles = new Map<number, NumberedPages>();
  /** A process's own pages. */
  readonly pages = new Map<number, DumpedPages>();
  /** Where to open shared memory objects, by their inode. */
  readonly sharedMemory = new Map<bigint, string>();
  readonly sharedPages = new Map<bigint, DumpedPages>();

  #namespaces: TreeNamespaces | undefined;
  readonly #collected = new Map<string, { readonly type: ImageType<unknown>; readonly id: number | undefined; readonly entries: unknown[] }>();
  readonly #shared = new Map<string, unknown>();
  readonly #sequences = new Map<string, number>();

  constructor(options: DumpOptions, images: ImageSet, imagesDirectory: OwnedFd, scope: Scope, emit: Emit) {
    this.options = options;
    this.images = images;
    this.imagesDirectory = imagesDirectory;
    this.files = new DumpFiles(this);
    this.scope = scope;
    this.failureScope = scope.use(new Scope());
    this.emit = emit;
  }

  /** The root's {@link DumpTask.pid}. */
  get rootThread(): number {
    return this.tree?.processes.get(this.options.pid)?.threads[0]?.tid ?? this.options.pid;
  }

  /** Looked at when they are first asked for; the root must not be gone. */
  get namespaces(): TreeNamespaces {
    return (this.#namespaces ??= new TreeNamespaces(this.rootThread));
  }

  async reach(moment: Moment): Promise<void> {
    if ((await reach(moment, this.options.pid, this.options, this.emit)) === 'leave-running') this.keepRunning = true;
  }

  append<Entry>(type: ImageType<Entry>, entry: Entry, id?: number): void {
    const key = `${type.pattern} ${id ?? ''}`;
    const group = this.#collected.get(key) ?? { type: type as ImageType<unknown>, id, entries: [] };
    this.#collected.set(key, group);
    group.entries.push(entry);
  }

  /** Writes all that was appended. */
  writeCollected(): void {
    for (const { type, id, entries } of this.#collected.values()) this.images.write(type, id, entries);
  }

  refuse(problem: CriuError): void {
    this.problems.push(problem);
  }

  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  hasProcess(pid: number): boolean {
    return this.tree?.processes.has(pid) === true;
  }

  nextId(sequence: string): number {
    const id = (this.#sequences.get(sequence) ?? 0) + 1;
    this.#sequences.set(sequence, id);
    return id;
  }

  defer(undo: () => void): void {
    this.scope.defer(undo);
  }

  namespaceId(name: NamespaceName, inode: number): number | undefined {
    return this.namespaces.idOf(name, inode);
  }

  undoOnFailure(undo: () => void): void {
    this.failureScope.defer(undo);
  }

  sharedMemoryId(inode: bigint, huge = false): bigint {
    if (huge) return inode | HUGE;
    const segments = this.shared('ids of System V segments', () => segmentIds(this.namespaces.own.has('ipc') ? `/proc/${this.rootThread}/ns/ipc` : undefined));
    return segments.has(Number(inode)) ? inode | NO_SEGMENT : inode;
  }

  noteSharedMemory(shmid: bigint, procPath: string): void {
    if (!this.sharedMemory.has(shmid)) this.sharedMemory.set(shmid, procPath);
  }
}
