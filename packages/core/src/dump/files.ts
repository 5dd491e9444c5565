import { type file_entry, type file_lock_entry, IMAGE_TYPES } from '@criu-ts/images';
import { KCMP } from '@criu-ts/kernel/abi';
import { mapFileName, type ProcStat, readProcLink, readStat, type SmapsEntry } from '@criu-ts/kernel/procfs';
import { memfd, type OwnedFd, readLink } from '@criu-ts/kernel/sys';
import { Bug, type CriuError, type TaskName, toCriuError, Unsupported } from '../errors.js';
import type { DumpContext } from '../resources/contexts.js';
import type { FileDumpContext, FileKind, Holder, HostFiles, InspectedFile } from '../resources/file-kind.js';
import { type FileOwner, type InspectedDescriptor, inspectDescriptors, inspectHeld, inspectPath } from '../files/inspect.js';
import { statOf } from '../files/paths.js';
import { lockEntries, lockKey } from '../files/file-locks.js';
import { kindOf } from '../resources/files/registry.js';
import { refusal } from '../files/unsupported.js';
import { KernelObjects } from './kernel-identity.js';

/** An open file of the tree, once, whoever has it. */
interface OpenFile {
  readonly id: number;
  readonly file: InspectedFile;
  readonly kind: FileKind | undefined;
  readonly holders: Holder[];
  /** What the kind's `judge` gave; absent where it refused. */
  judged: { readonly value: unknown } | undefined;
  /** Why what it holds can't be told. */
  unreadable?: CriuError;
}

interface Descriptor {
  readonly fd: number;
  readonly cloexec: boolean;
  readonly open: OpenFile;
}

/** A descriptor table (the kernel's files_struct), which several tasks may share. */
interface DescriptorTable {
  readonly id: number;
  readonly descriptors: readonly Descriptor[];
  byNumber?: ReadonlyMap<number, InspectedFile>;
}

interface FsInfo {
  readonly pid: number;
  /** Number of what clone(2) with CLONE_FS shares. */
  readonly id: number;
  readonly umask: number | undefined;
  readonly cwd: number;
  readonly root: number;
}

/**
 * All files of the tree: collected while it is inspected, judged together, captured once nothing stands in the way.
 * Order: `addTask`, then `idOfMapped`, for all tasks, `judge`, `capture`.
 */
export class DumpFiles {
  readonly #at: DumpContext;
  #host: HostFiles | undefined;
  readonly #all: OpenFile[] = [];
  readonly #byIdentity = new KernelObjects<OpenFile>(KCMP.FILE);
  /** Files without a descriptor, by what they are and the name they go by. */
  readonly #byName = new Map<string, OpenFile>();
  /** Numbers of mapped files, by what /proc/PID/smaps says of them. */
  readonly #mapped = new Map<string, number>();
  /** Numbers, in the images, of anonymous shared memory that is a file, too. */
  #openedShared: ReadonlySet<bigint> | undefined;
  readonly #mountNamespaces = new Map<number, string>();
  readonly #tables = new KernelObjects<DescriptorTable>(KCMP.FILES);
  readonly #tableOf = new Map<number, DescriptorTable>();
  readonly #names = new Map<number, TaskName>();
  #stats: readonly ProcStat[] | undefined;
  readonly #exes = new Map<number, number>();
  readonly #fs = new Map<number, FsInfo>();
  readonly #fsIds = new KernelObjects<number>(KCMP.FS);
  /** Ours, as long as the dump needs them. */
  readonly #held: OwnedFd[] = [];
  readonly #locks = new Map<string, file_lock_entry>();
  #lastId = 0;
  /** 1 is the dumper's own. */
  #lastTable = 1;
  #lastFs = 1;

  constructor(at: DumpContext) {
    this.#at = at;
  }

  /** Its descriptors, program, working directory and root. */
  addTask(owner: FileOwner & { readonly status: { readonly umask: number | undefined } }): void {
    this.#names.set(owner.pid, owner.name);
    const known = this.#lastTable;
    const table = this.#tables.findOrAdd(owner.pid, 0, () => this.#readTable(owner));
    this.#tableOf.set(owner.pid, table);
    // Tasks that share a table hold the same descriptors: any of them will do, and each may be asked for.
    if (table.id <= known) for (const { fd, open } of table.descriptors) open.holders.push({ pid: owner.pid, fd });
    const { pid, status } = owner;
    this.#exes.set(pid, this.#idOfLink(pid, 'exe'));
    const cwd = this.#idOfLink(pid, 'cwd');
    const id = this.#fsIds.findOrAdd(pid, 0, () => ++this.#lastFs);
    this.#fs.set(pid, { pid, id, umask: status.umask, cwd, root: this.#idOfLink(pid, 'root') });
  }

  /** Numbers of the task's descriptor table (`files_id` of the images) and of its directories and umask (`fs_id`): sharers have the same. */
  sharedIds(pid: number): { readonly filesId: number; readonly fsId: number } {
    const table = this.#tableOf.get(pid);
    const fs = this.#fs.get(pid);
    if (table === undefined || fs === undefined) throw new Bug(`the files of process ${pid} were not collected`);
    return { filesId: table.id, fsId: fs.id };
  }

  /** The program that the task runs. */
  exeId({ pid }: { readonly pid: number }): number {
    const id = this.#exes.get(pid);
    if (id === undefined) throw new Bug(`the files of process ${pid} were not collected`);
    return id;
  }

  /** A file-backed mapping's file: the number that its vma_entry has as `shmid`. Memfds too. How it was opened is the vma_entry's. */
  idOfMapped(pid: number, mapping: Pick<SmapsEntry, 'start' | 'end' | 'name' | 'inode' | 'devMajor' | 'devMinor'>): number {
    // Relatives map the same libraries. While a file is mapped no other has its inode, and what is no file has no path.
    const key = mapping.name.startsWith('/') ? `${this.#mountNamespaceOf(pid)} ${mapping.devMajor}:${mapping.devMinor}:${mapping.inode} ${mapping.name}` : undefined;
    const known = key === undefined ? undefined : this.#mapped.get(key);
    if (known !== undefined) return known;
    const id = this.#inspectMapped(pid, mapping);
    if (key !== undefined) this.#mapped.set(key, id);
    return id;
  }

  /**
   * Of anonymous shared memory, where a descriptor leads to it, or a mapping that is none of anonymous memory.
   * @param shmid its number in the images
   */
  idOfShared(pid: number, mapping: { readonly start: number; readonly end: number }, shmid: bigint): number | undefined {
    this.#openedShared ??= new Set(this.#all.filter(({ file }) => file.stat.dev === this.#host?.shmemDev && file.link.startsWith('/dev/zero')).map(({ file }) => this.#at.sharedMemoryId(file.stat.ino)));
    return this.#openedShared.has(shmid) ? this.#idOfLink(pid, `map_files/${mapFileName(mapping)}`) : undefined;
  }

  #mountNamespaceOf(pid: number): string {
    let namespace = this.#mountNamespaces.get(pid);
    if (namespace === undefined) this.#mountNamespaces.set(pid, (namespace = readProcLink(pid, 'ns/mnt')));
    return namespace;
  }

  #inspectMapped(pid: number, mapping: { readonly start: number; readonly end: number }): number {
    const name = `map_files/${mapFileName(mapping)}`;
    const link = readLink(`/proc/${pid}/${name}`);
    return this.#socketOf(pid, name, link)?.id ?? this.#idOfLink(pid, name, link);
  }

  /** A mapped socket is the very one that a descriptor has. */
  #socketOf(pid: number, name: string, link: string): OpenFile | undefined {
    if (!link.startsWith('socket:[')) return undefined;
    const found = this.#all.find(({ file }) => file.link === link);
    if (found === undefined) throw new Unsupported('vma', `the mapping of a socket (${link}) that no descriptor has is not supported`, { object: name, task: this.#names.get(pid) ?? { pid }, hint: 'unmap it before the dump' });
    return found;
  }

  /** Tells all that stands in the way (`at.refuse`). */
  judge(): void {
    this.#collectHeld();
    for (const open of this.#all) {
      const { kind, file } = open;
      try {
        if (open.unreadable !== undefined) throw open.unreadable;
        if (kind === undefined) throw refusal(file);
        judgeInfo(file);
        this.#judgeLocks(open);
        judgeHolders(open);
        open.judged = { value: kind.judge?.(file, this.#contextOf(open)) };
      } catch (error) {
        this.#at.refuse(this.#describe(toCriuError(error), file));
      }
    }
  }

  /** What is in queues, and in the queues of what is in queues. */
  #collectHeld(): void {
    // It grows meanwhile.
    for (const open of this.#all) {
      try {
        open.kind?.collect?.(open.file, { ...this.#contextOf(open), addHeld: (fd) => this.#addHeld(fd, open) });
      } catch (error) {
        open.unreadable = toCriuError(error);
      }
    }
  }

  #addHeld(fd: OwnedFd, { file: { task } }: OpenFile): number {
    if (this.#held.length === 0) this.#at.undoOnFailure(() => this.letGo());
    this.#held.push(fd);
    const found = inspectHeld(fd, task);
    return this.#byIdentity.findOrAdd(process.pid, fd.number, () => this.#add(found.inspect()), found.key).id;
  }

  #judgeLocks(open: OpenFile): void {
    const holders = open.holders.map(({ pid, fd }) => ({ pid: this.#idOf(pid), fd }));
    const locks = lockEntries({ file: open.file, holders }, (id) => this.#descriptors(this.#pidOf(id)));
    if (locks.length > 0 && this.#at.options.fileLocks !== true) {
      throw new Unsupported('file', 'the process holds a lock on it', { why: 'another process could take the lock between dump and restore', hint: 'allow it with --file-locks, or release the lock before the dump' });
    }
    for (const lock of locks) this.#locks.set(lockKey(lock), lock);
  }

  /** Adds everything to the images, or tells all that stands in the way (`at.refuse`). All files must have been judged. */
  capture(): void {
    for (const open of this.#all) {
      try {
        this.#at.append<file_entry>(IMAGE_TYPES.files, this.#captureOne(open));
      } catch (error) {
        const problem = this.#describe(toCriuError(error), open.file);
        if (!(problem instanceof Unsupported)) throw problem;
        this.#at.refuse(problem);
      }
    }
    for (const { id, descriptors } of new Set(this.#tableOf.values())) {
      for (const { fd, cloexec, open } of descriptors) {
        this.#at.append(IMAGE_TYPES.fdinfo, { id: open.id, flags: cloexec ? 1 : 0, type: kindFor(open).type, fd }, id);
      }
    }
    for (const lock of this.#locks.values()) this.#at.append(IMAGE_TYPES.fileLocks, lock);
    for (const { pid, umask, cwd, root } of this.#fs.values()) this.#at.append(IMAGE_TYPES.fs, { cwdId: cwd, rootId: root, ...(umask !== undefined && { umask }) }, this.#idOf(pid));
  }

  #captureOne(open: OpenFile): file_entry {
    const { id, file, judged } = open;
    if (judged === undefined) throw new Unsupported('file', 'it was refused before');
    const kind = kindFor(open);
    return { type: kind.type, id, ...kind.capture(file, this.#contextOf(open), judged.value) };
  }

  #readTable(owner: FileOwner): DescriptorTable {
    const descriptors = inspectDescriptors(owner).map((found) => ({ fd: found.fd, cloexec: found.cloexec, open: this.#identify(owner, found) }));
    return { id: ++this.#lastTable, descriptors };
  }

  #identify(owner: FileOwner, { fd, key, inspect }: InspectedDescriptor): OpenFile {
    const open = this.#byIdentity.findOrAdd(owner.pid, fd, () => this.#add(inspect()), key);
    open.holders.push({ pid: owner.pid, fd });
    return open;
  }

  #idOfLink(pid: number, name: string, link?: string): number {
    const file = inspectPath(pid, this.#names.get(pid) ?? { pid }, name, link);
    // A mapped ring is no other open file of the same inode: it is the one that a descriptor leads to.
    if (file.link === 'anon_inode:[io_uring]') {
      const ring = this.#all.find((open) => open.file.fd !== undefined && open.file.stat.ino === file.stat.ino && open.file.stat.dev === file.stat.dev);
      if (ring !== undefined) return ring.id;
    }
    const key = `${file.stat.dev}:${file.stat.ino}:${file.mntId}:${file.link}`;
    let open = this.#byName.get(key);
    if (open === undefined) this.#byName.set(key, (open = this.#add(file)));
    return open.id;
  }

  #add(file: InspectedFile): OpenFile {
    const open = { id: ++this.#lastId, file, kind: kindOf(file, (this.#host ??= hostFiles())), holders: [], judged: undefined };
    this.#all.push(open);
    return open;
  }

  /** What the images call a process that /proc shows at `pid` (see DumpTask). */
  #idOf(pid: number): number {
    return this.#names.get(pid)?.pid ?? pid;
  }

  #pidOf(id: number): number {
    for (const [pid, name] of this.#names) if (name.pid === id) return pid;
    return id;
  }

  /** undefined: the process is none of the tree. */
  #descriptors(pid: number): ReadonlyMap<number, InspectedFile> | undefined {
    const table = this.#tableOf.get(pid);
    if (table === undefined) return undefined;
    table.byNumber ??= new Map(table.descriptors.map(({ fd, open: { file } }) => [fd, file]));
    return table.byNumber;
  }

  #contextOf(open: OpenFile): FileDumpContext {
    const at = this.#at;
    return {
      options: at.options,
      images: at.images,
      emit: (event) => at.emit(event),
      refuse: (problem) => at.refuse(problem),
      shared: (key, make) => at.shared(key, make),
      noteSharedMemory: (shmid, procPath) => at.noteSharedMemory(shmid, procPath),
      hasProcess: (pid) => at.hasProcess(pid),
      sharedMemoryId: (inode, huge) => at.sharedMemoryId(inode, huge),
      nextId: (sequence) => at.nextId(sequence),
      namespaceId: (name, inode) => at.namespaceId(name, inode),
      defer: (undo) => at.defer(undo),
      undoOnFailure: (undo) => at.undoOnFailure(undo),
      append: (type, entry, id) => at.append(type, entry, id),
      id: open.id,
      holders: open.holders,
      descriptorsOf: (pid) => this.#descriptors(pid) ?? new Map<number, InspectedFile>(),
      allFiles: () => this.#all,
      processes: () => (this.#stats ??= [...this.#tableOf.keys()].map((pid) => readStat(this.#idOf(pid)))),
      nextFileId: () => ++this.#lastId,
    };
  }

  /** Our duplicates of what was in queues. */
  letGo(): void {
    for (const fd of this.#held.splice(0)) fd[Symbol.dispose]();
  }

  #describe(error: CriuError, file: InspectedFile): CriuError {
    const queued = file.procPath.startsWith(`/proc/${process.pid}/`);
    const object = queued ? `a descriptor in a queue → ${file.link}` : file.fd === undefined ? `${file.procPath.replace(/^\/proc\/\d+\//, '')} → ${file.link}` : `fd ${file.fd} → ${file.link}`;
    return error.add({ object, task: file.task });
  }
}

function kindFor({ kind }: OpenFile): FileKind {
  if (kind === undefined) throw new Bug('a file of no kind got past the judgement');
  return kind;
}

/** Some things only a process that has the file can do at the restore. */
function judgeHolders({ file, holders, kind }: OpenFile): void {
  if (holders.length > 0 || file.info === undefined) return;
  const needs = kind?.connect !== undefined ? kind.name : file.fown.pid !== 0 ? 'a file with an owner (F_SETOWN)' : file.info.locks.length > 0 ? 'a locked file' : undefined;
  if (needs !== undefined) throw new Unsupported('file', `${needs} that only a queue of a unix socket holds is not supported`, { hint: 'dump it when the process has received it' });
}

/** What fdinfo says of any kind of file. */
function judgeInfo({ info }: InspectedFile): void {
  const [field] = info?.unknown ?? [];
  if (field !== undefined) {
    throw new Unsupported('file', `the kernel shows ${JSON.stringify(field.key)} for it (fdinfo), which is not known to criu-ts`, { why: 'state that is not known would get lost', hint: 'report it, with your kernel version' });
  }
}

/** The kernel's own tmpfs is found by a file that surely lies on it. */
function hostFiles(): HostFiles {
  using fd = memfd('criu-ts');
  return { shmemDev: statOf(fd).dev };
}
