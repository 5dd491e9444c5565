import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ByteAccess } from '../access/byte-access.js';
import { ImageCorrupt } from '../errors.js';
import type { ImageFiles } from './image-files.js';

/** A file on disk. Its descriptor is taken at the first read and given back by `close`. */
export function fileAccess(file: string): ByteAccess {
  const { size, mtimeMs } = statSync(file);
  let fd: number | undefined;
  return {
    name: path.basename(file),
    size,
    sequential: false,
    modified: mtimeMs,
    async read(offset, length) {
      fd ??= openSync(file, 'r');
      const bytes = new Uint8Array(Math.max(0, Math.min(length, fstatSync(fd).size - offset)));
      let got = 0;
      while (got < bytes.length) {
        const count = readSync(fd, bytes, got, bytes.length - got, offset + got);
        if (count === 0) break;
        got += count;
      }
      return bytes.subarray(0, got);
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/** The image set in a directory: its own files, or those of its `checkpoint` (an unpacked container archive). */
export function openDirectory(directory: string): ImageFiles {
  const within = path.join(directory, 'checkpoint');
  const images = !existsSync(path.join(directory, 'inventory.img')) && existsSync(path.join(within, 'inventory.img')) ? within : directory;
  return new DirectorySet(images);
}

class DirectorySet implements ImageFiles {
  readonly name: string;
  readonly identity: string;
  readonly #top: string;
  readonly #opened = new Map<string, ByteAccess>();
  readonly #names: readonly string[];

  constructor(directory: string) {
    this.name = directory;
    this.identity = realpathSync(directory);
    this.#top = path.dirname(this.identity);
    this.#names = filesIn(this.identity);
  }

  list(): readonly string[] {
    return this.#names;
  }

  open(name: string): ByteAccess | undefined {
    // An image set is flat; names that lead elsewhere come only from hostile images.
    if (name.includes('/') || name.includes('\0')) throw new TypeError(`'${name}' is not the name of an image file`);
    return this.#access(path.join(this.identity, name));
  }

  #access(file: string): ByteAccess | undefined {
    const known = this.#opened.get(file);
    if (known !== undefined) return known;
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    const access = fileAccess(file);
    this.#opened.set(file, access);
    return access;
  }

  async parent(): Promise<ImageFiles | undefined> {
    const link = path.join(this.identity, 'parent');
    // Of a link that leads nowhere, existsSync says that there is none.
    if (!readdirSync(this.identity).includes('parent')) return undefined;
    if (!existsSync(link)) throw new ImageCorrupt({ file: 'parent', why: 'it leads to a directory that is not there' });
    return new DirectorySet(realpathSync(link));
  }

  beside(file: string): ByteAccess | undefined {
    if (path.basename(this.identity) !== 'checkpoint') return undefined;
    const full = path.resolve(this.#top, file);
    return full.startsWith(`${this.#top}/`) ? this.#access(full) : undefined;
  }

  listBeside(): readonly string[] {
    return path.basename(this.identity) === 'checkpoint' ? filesIn(this.#top) : [];
  }

  close(): void {
    for (const access of this.#opened.values()) access.close();
  }
}

const filesIn = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => name !== 'parent')
    .sort();
