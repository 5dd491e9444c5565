import { closeSync, constants, existsSync, fstatSync, fsyncSync, lstatSync, openSync, readFileSync, readSync, readdirSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { ImageSet } from '../image-set.js';
import { MemorySource } from './directory.js';
import type { ByteSink, ByteSource, ImageDirectory } from './directory.js';

/** What to do with a file that is there already: `refuse` is O_EXCL; `replace` removes it first, so that hard links keep their contents. */
export type ExistingFiles = 'refuse' | 'replace';

/**
 * A directory on disk. It stays the same directory when it is renamed or mounted over: names are looked up from
 * a descriptor of it (through /proc/self/fd, Node has no openat). Errors of the file system come as Node gives them.
 */
export class NodeDirectory implements ImageDirectory, Disposable {
  readonly path: string;
  readonly #fd: number;
  readonly #base: string;
  readonly #existing: ExistingFiles;
  readonly #unsynced = new Set<string>();
  /** An older file stood in the way of a new one. */
  #populated = false;

  constructor(path: string, existing: ExistingFiles = 'refuse') {
    this.path = path;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const throughFd = `/proc/self/fd/${this.#fd}`;
    this.#base = existsSync(throughFd) ? throughFd : path;
    this.#existing = existing;
  }

  /** The directory's descriptor, for callers with system calls of their own; it lives as long as this object. */
  get fd(): number {
    return this.#fd;
  }

  list(): string[] {
    return readdirSync(this.#base).sort();
  }

  open(name: string): ByteSource | undefined {
    try {
      return new FileSource(name, openSync(this.#at(name), constants.O_RDONLY));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  create(name: string): ByteSink {
    const fd = this.#createEmpty(name);
    this.noteCreated(name);
    return new FileSink(name, fd);
  }

  #createEmpty(name: string): number {
    const create = (): number => openSync(this.#at(name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    if (this.#populated) this.remove(name);
    try {
      return create();
    } catch (error) {
      if (this.#existing === 'refuse' || !isCode(error, 'EEXIST')) throw error;
      // More will follow, and a look beforehand costs less than an exception; in an empty directory it costs for nothing.
      this.#populated = true;
      this.remove(name);
      return create();
    }
  }

  /** Counts a file that the caller created by other means among those to sync. */
  noteCreated(name: string): void {
    this.#unsynced.add(name);
  }

  has(name: string): boolean {
    return existsSync(this.#at(name));
  }

  remove(name: string): void {
    const path = this.#at(name);
    // Mostly nothing is there, and an exception costs ten times a look; a link that leads nowhere is something, too.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
    this.#unsynced.delete(name);
  }

  /** Removes every file that was created since the last {@link sync}. */
  discard(): void {
    for (const name of [...this.#unsynced]) this.remove(name);
  }

  sync(): void {
    // Each file costs three calls, and a tree has thousands.
    if (MEMORY_ONLY.includes(statfsSync(this.#base).type)) this.#unsynced.clear();
    for (const name of this.#unsynced) {
      const fd = openSync(this.#at(name), constants.O_RDONLY);
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
    this.#unsynced.clear();
    fsyncSync(this.#fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #at(name: string): string {
    // An image set is flat; names that lead elsewhere come only from hostile images.
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) throw new TypeError(`'${name}' is not the name of an image file`);
    return `${this.#base}/${name}`;
  }
}

/** A file for reading. One that is no regular file, whose size nobody knows, is read at once. */
export function openFile(file: string): ByteSource {
  const name = path.basename(file);
  const fd = openSync(file, constants.O_RDONLY);
  if (fstatSync(fd).isFile()) return new FileSource(name, fd);
  try {
    return new MemorySource(name, readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;
const isMissing = (error: unknown): boolean => isCode(error, 'ENOENT');

/** TMPFS_MAGIC, RAMFS_MAGIC (linux/magic.h): file systems for which fsync(2) does nothing. */
const MEMORY_ONLY: readonly number[] = [0x01021994, 0x858458f6];

class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #fd: number;

  constructor(name: string, fd: number) {
    this.name = name;
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    return bytes.subarray(0, this.readInto(bytes, offset));
  }

  readInto(target: Uint8Array, offset: number): number {
    let got = 0;
    while (got < target.length) {
      const count = readSync(this.#fd, target, got, target.length - got, offset + got);
      if (count === 0) break;
      got += count;
    }
    return got;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

class FileSink implements ByteSink {
  readonly name: string;
  readonly #fd: number;
  #size = 0;

  constructor(name: string, fd: number) {
    this.name = name;
    this.#fd = fd;
  }

  get size(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) done += writeSync(this.#fd, bytes, done, bytes.length - done);
    this.#size += bytes.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** The image set in an existing directory, for reading. Dispose of `directory` when done. */
export function openImageSet(path: string): ImageSet & { readonly directory: NodeDirectory } {
  return new ImageSet(new NodeDirectory(path)) as ImageSet & { readonly directory: NodeDirectory };
}

/** An image set to be written into an existing directory. */
export function createImageSet(path: string, existing: ExistingFiles = 'refuse'): ImageSet & { readonly directory: NodeDirectory } {
  return new ImageSet(new NodeDirectory(path, existing)) as ImageSet & { readonly directory: NodeDirectory };
}
