/**
 * Where images lie, as this package sees it: named byte strings. Everything is synchronous, because a dump runs on one
 * thread with the program stopped. The directory on disk is `@criu-ts/images/node`; `MemoryDirectory` serves browsers and tests.
 */

/** One file, open for reading. */
export interface ByteSource extends Disposable {
  /** the file's name, for errors */
  readonly name: string;
  /** bytes; known when it was opened */
  readonly size: number;
  /** The bytes from `offset`, at most `length` of them: fewer only where the file ends. The caller may keep them. */
  read(offset: number, length: number): Uint8Array;
  /** Fills `target` from `offset` on; tells how many bytes there were, fewer only where the file ends. */
  readInto(target: Uint8Array, offset: number): number;
}

/** One file, being written from its beginning to its end. */
export interface ByteSink extends Disposable {
  readonly name: string;
  /** bytes written so far */
  readonly size: number;
  write(bytes: Uint8Array): void;
}

export interface ImageDirectory {
  /** Names of the files, sorted. */
  list(): string[];
  /** undefined where there is no such file */
  open(name: string): ByteSource | undefined;
  /** A new file. What happens where one exists is the directory's policy, set when it was opened. */
  create(name: string): ByteSink;
  has(name: string): boolean;
  /** Removes a file; no error where there is none. */
  remove(name: string): void;
  /** Makes all files that were created since the last call, and the directory itself, survive a power cut. */
  sync(): void;
}

/** A file that is in memory already. */
export class MemorySource implements ByteSource {
  readonly name: string;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }

  readInto(target: Uint8Array, offset: number): number {
    const bytes = this.read(offset, target.length);
    target.set(bytes);
    return bytes.length;
  }

  [Symbol.dispose](): void {}
}

/** Collects what is written; `bytes()` is what was collected. */
export class MemorySink implements ByteSink {
  readonly name: string;
  #bytes = new Uint8Array(1024);
  #size = 0;
  readonly #done: ((bytes: Uint8Array) => void) | undefined;

  constructor(name: string, done?: (bytes: Uint8Array) => void) {
    this.name = name;
    this.#done = done;
  }

  get size(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    const needed = this.#size + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size = needed;
  }

  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  [Symbol.dispose](): void {
    this.#done?.(this.bytes());
  }
}

/** Image files in a Map. */
export class MemoryDirectory implements ImageDirectory {
  readonly files: Map<string, Uint8Array>;

  constructor(files: Iterable<readonly [string, Uint8Array]> = []) {
    this.files = new Map(files);
  }

  list(): string[] {
    return [...this.files.keys()].sort();
  }

  open(name: string): ByteSource | undefined {
    const bytes = this.files.get(name);
    return bytes && new MemorySource(name, bytes);
  }

  create(name: string): ByteSink {
    return new MemorySink(name, (bytes) => this.files.set(name, bytes));
  }

  has(name: string): boolean {
    return this.files.has(name);
  }

  remove(name: string): void {
    this.files.delete(name);
  }

  sync(): void {}
}
