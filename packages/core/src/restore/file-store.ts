import { type file_entry, type fown_entry, IMAGE_TYPES, type reg_file_entry, remap_type } from '@criu-ts/images';
import { F } from '@criu-ts/kernel/abi';
import { fcntl, OwnedFd } from '@criu-ts/kernel/sys';
import { ImageCorrupt, toCriuError, Unsupported } from '../errors.js';
import type { RestoreContext } from '../resources/contexts.js';
import type { Callers, FileKind, FileRestoreContext, Remap } from '../resources/file-kind.js';
import { fillSharedMemory } from '../resources/memory/shared-memory.js';
import { fileEntries } from '../files/file-entries.js';
import { unlink } from '../files/paths.js';
import { kindOfType, typeNameOf } from '../resources/files/registry.js';

/** The files of the images, opened in our process as they are needed. */
export class FileStore {
  readonly #at: RestoreContext;
  readonly #entries: ReadonlyMap<number, file_entry>;
  readonly #context: FileRestoreContext;
  readonly #remaps: ReadonlyMap<number, Remap>;
  readonly #open = new Map<number, OwnedFd>();
  readonly #mapped = new Map<string, OwnedFd>();
  /** Of files in the queues of sockets. */
  #queued: ReadonlySet<number> | undefined;
  readonly #kept = new Set<number>();
  #whenOpen: (() => void)[] = [];
  #whenInstalled: (() => void)[] = [];
  #whenSettled: (() => void)[] = [];

  constructor(at: RestoreContext, callers: Callers = NOBODY) {
    this.#at = at;
    this.#entries = new Map(fileEntries(at).map((entry) => [entry.id, entry]));
    const remaps = (this.#remaps = new Map(at.images.readIfPresent(IMAGE_TYPES.remapFpath).map((entry) => [entry.origId, toRemap(entry.remapId, entry.remapType)])));
    this.#context = {
      options: at.options,
      images: at.images,
      emit: (event) => at.emit(event),
      namespacePath: (name, id) => at.namespacePath(name, id),
      shared: (key, make) => at.shared(key, make),
      defer: (undo) => at.defer(undo),
      callers,
      remapOf: (id) => remaps.get(id),
      entry: (id) => this.entry(id),
      regular: (id) => this.#regular(id),
      inherited: (resource) => inherit(resource, at),
      fillSharedMemory: (shmid, fd) => void fillSharedMemory(at.images, shmid, fd),
      held: (id) => {
        this.#kept.add(id);
        return this.open(id);
      },
      whenOpen: (action) => void this.#whenOpen.push(action),
      whenInstalled: (action) => void this.#whenInstalled.push(action),
      whenSettled: (action) => void this.#whenSettled.push(action),
    };
    at.defer(() => this.#closeAll());
  }

  /** What kinds of files are given; for what is opened besides. */
  get context(): FileRestoreContext {
    return this.#context;
  }

  /** @throws ImageCorrupt where files.img lacks it */
  entry(id: number): file_entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new ImageCorrupt(`files.img lacks file ${id}, which is used`);
    return entry;
  }

  /** @throws Unsupported for a type that we can't restore */
  kind(id: number): FileKind {
    const { type } = this.entry(id);
    const kind = kindOfType(type);
    if (kind === undefined) throw new Unsupported('file', `a file of type ${typeNameOf(type)} can not be restored yet`, { object: `file ${id} of files.img` });
    return kind;
  }

  /** Who is to be signalled for the file. */
  fown(id: number): fown_entry | undefined {
    return this.kind(id).fown?.(this.entry(id), this.#context);
  }

  /** All of them: `[id, entry]`. */
  all(): Iterable<readonly [number, file_entry]> {
    return this.#entries;
  }

  /** For `explain`: whether {@link open} would do. @throws what it would throw */
  preflight(id: number): void {
    this.kind(id).preflight?.(this.entry(id), this.#context);
  }

  /** The open file, ours until {@link release}. */
  open(id: number): OwnedFd {
    let fd = this.#open.get(id);
    if (fd === undefined) {
      try {
        checkSignal(this.fown(id));
        fd = this.kind(id).reopen(this.entry(id), this.#context);
      } catch (error) {
        throw toCriuError(error, { object: this.describe(id) });
      }
      this.#open.set(id, fd);
    }
    return fd;
  }

  /** All its users have it: our own descriptor goes. */
  release(id: number): void {
    if (this.#kept.has(id) || this.#inQueues().has(id)) return;
    this.#open.get(id)?.[Symbol.dispose]();
    this.#open.delete(id);
  }

  /**
   * A file to be mapped, or the program (PR_SET_MM_EXE_FILE): opened anew, without a position. Ours, until {@link finish}.
   * @param flags O_* as the mapping needs them (vma_entry.fdflags)
   */
  openForMapping(id: number, flags: number): OwnedFd {
    const key = `${id}:${flags}`;
    let fd = this.#mapped.get(key);
    if (fd === undefined) {
      try {
        const entry = this.entry(id);
        const kind = this.kind(id);
        if (kind.openForMapping === undefined) throw new ImageCorrupt(`it is ${kind.name}, which can't be mapped`, { object: 'files.img' });
        fd = kind.openForMapping(entry, flags, this.#context);
      } catch (error) {
        throw toCriuError(error, { object: this.describe(id) });
      }
      this.#mapped.set(key, fd);
    }
    return fd;
  }

  /** To be called when the tasks have their descriptors: what only queues have is opened, and queues are filled. */
  finishOpening(): void {
    for (const id of this.#inQueues()) this.open(id);
    for (let actions = this.#whenOpen; actions.length > 0; actions = this.#whenOpen) {
      this.#whenOpen = [];
      for (const action of actions) action();
    }
  }

  /** Whether its mappings can't be put at a place of one's choice; false where there is no such file. */
  choosesPlace(id: number): boolean {
    return this.#entries.has(id) && this.kind(id).choosesPlace === true;
  }

  /** To be called when all descriptors and mappings stand: temporary names and helpers go. */
  finish(): void {
    const actions = [...this.#whenInstalled, ...this.#whenSettled];
    this.#whenInstalled = [];
    this.#whenSettled = [];
    for (const action of actions) action();
    this.#closeAll();
  }

  #inQueues(): ReadonlySet<number> {
    return (this.#queued ??= new Set(this.#at.images.readIfPresent(IMAGE_TYPES.skQueues).flatMap(({ message }) => message.scm.flatMap(({ rights }) => rights))));
  }

  /** When the processes live: the names that `--link-remap` has given to files until now go. */
  removeLinks(): void {
    for (const remap of this.#remaps.values()) if (remap.kind === 'linked') unlink(this.#regular(remap.file).name);
  }

  /** `/var/log/x`, `pipe:[7]`, `EVENTFD 12` */
  describe(id: number): string {
    const entry = this.#entries.get(id);
    if (entry?.reg !== undefined) return entry.reg.name;
    if (entry?.pipe !== undefined) return `pipe:[${entry.pipe.pipeId}]`;
    if (entry?.tty?.regfId !== undefined) return this.describe(entry.tty.regfId);
    return `${typeNameOf(entry?.type ?? 0)} ${id}`;
  }

  #regular(id: number): reg_file_entry {
    const { reg } = this.entry(id);
    if (reg === undefined) throw new ImageCorrupt(`files.img: file ${id} should be a regular one`);
    return reg;
  }

  #closeAll(): void {
    for (const fd of [...this.#open.values(), ...this.#mapped.values()]) fd[Symbol.dispose]();
    this.#open.clear();
    this.#mapped.clear();
  }
}

const NOBODY: Callers = { processes: new Map(), standIn: () => undefined };

/** F_SETSIG would refuse it, with the file open already. */
function checkSignal(fown: fown_entry | undefined): void {
  if (fown !== undefined && fown.signum > HIGHEST_SIGNAL) throw new ImageCorrupt(`${fown.signum} is no signal`, { object: 'files.img' });
}

const HIGHEST_SIGNAL = 64;

function toRemap(id: number, type: remap_type | undefined): Remap {
  switch (type) {
    case remap_type.LINKED:
    case undefined:
      return { kind: 'linked', file: id };
    case remap_type.GHOST:
      return { kind: 'ghost', ghost: id };
    case remap_type.PROCFS:
      return { kind: 'dead-process', pid: id };
  }
}

/** A duplicate of the descriptor that the caller gave for this resource. */
function inherit(resource: string, at: RestoreContext): OwnedFd | undefined {
  const given = at.options.inheritFds?.find((candidate) => sameResource(candidate.resource, resource));
  return given === undefined ? undefined : new OwnedFd(fcntl(new OwnedFd(given.fd), F.DUPFD_CLOEXEC));
}

/** CRIU's users write `pipe[7]` for `pipe:[7]`, and paths without the leading slash. */
function sameResource(given: string, resource: string): boolean {
  const plain = (text: string): string => text.replace(':[', '[').replace(/^\//, '');
  return plain(given) === plain(resource);
}
