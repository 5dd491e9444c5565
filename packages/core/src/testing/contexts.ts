// Contexts for tests of single resources: images in memory, everything that was reported kept.
import { ImageSet, type ImageType, MemoryDirectory } from '@criu-ts/images';
import type { CriuError } from '../errors.js';
import type { CriuEventBody } from '../events.js';
import type { DumpOptions, RestoreOptions } from '../options.js';
import type { DumpContext, RestoreContext } from '../resources/contexts.js';
import { type NamespaceName, namespaceId, namespacesOf } from '../resources/identity.js';

export class TestDump implements DumpContext {
  readonly options: DumpOptions;
  readonly images: ImageSet;
  readonly problems: CriuError[] = [];
  readonly events: CriuEventBody[] = [];
  readonly undos: (() => void)[] = [];
  readonly #shared = new Map<string, unknown>();
  readonly #ids = new Map<string, number>();
  readonly #entries = new Map<string, { type: ImageType<unknown>; id: number | undefined; entries: unknown[] }>();

  constructor(options: Partial<DumpOptions> = {}, images = new ImageSet(new MemoryDirectory())) {
    this.options = { imagesDir: '', pid: 0, ...options };
    this.images = images;
  }

  emit(event: CriuEventBody): void {
    this.events.push(event);
  }

  refuse(problem: CriuError): void {
    this.problems.push(problem);
  }

  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  hasProcess(pid: number): boolean {
    return pid === process.pid;
  }

  nextId(sequence: string): number {
    const id = (this.#ids.get(sequence) ?? 0) + 1;
    this.#ids.set(sequence, id);
    return id;
  }

  /** Where each shared memory object can be opened. */
  readonly sharedMemory = new Map<bigint, string>();

  noteSharedMemory(shmid: bigint, procPath: string): void {
    this.sharedMemory.set(shmid, procPath);
  }

  sharedMemoryId(inode: bigint): bigint {
    return inode;
  }

  namespaceId(name: NamespaceName, inode: number): number | undefined {
    return namespacesOf('self').get(name) === inode ? namespaceId(name, false) : undefined;
  }

  defer(undo: () => void): void {
    this.undos.push(undo);
  }

  undoOnFailure(undo: () => void): void {
    this.undos.push(undo);
  }

  append<Entry>(type: ImageType<Entry>, entry: Entry, id?: number): void {
    const key = `${type.pattern} ${id}`;
    const group = this.#entries.get(key) ?? { type: type as ImageType<unknown>, id, entries: [] };
    this.#entries.set(key, group);
    group.entries.push(entry);
  }

  write(): void {
    for (const { type, id, entries } of this.#entries.values()) this.images.write(type, id, entries);
  }
}

export class TestRestore implements RestoreContext, Disposable {
  readonly options: RestoreOptions;
  readonly images: ImageSet;
  readonly events: CriuEventBody[] = [];
  readonly #shared = new Map<string, unknown>();
  #undos: (() => void)[] = [];

  constructor(images: ImageSet, options: Partial<RestoreOptions> = {}) {
    this.images = images;
    this.options = { imagesDir: '', ...options };
  }

  emit(event: CriuEventBody): void {
    this.events.push(event);
  }

  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  namespacePath(name: NamespaceName, id: number): string | undefined {
    return id === namespaceId(name, false) ? `/proc/self/ns/${name}` : undefined;
  }

  defer(undo: () => void): void {
    this.#undos.push(undo);
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undos.reverse()) undo();
    this.#undos = [];
  }
}
