import { ImageCorrupt } from '../errors.js';
import type { ByteSource } from './directory.js';

/** Read-ahead: most images are smaller than this and cost one read. */
const WINDOW = 64 * 1024;

/** A u32 as a machine of the other byte order reads it. */
export const swapped = (word: number): number => (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;

/** Reads a file from its beginning to its end, a window at a time, and never beyond it. */
export class ByteCursor {
  readonly source: ByteSource;
  /** The file is of a big-endian machine (s390x): `u32` reads such words. */
  bigEndian = false;
  #at = 0;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** bytes from the file's beginning */
  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.source.size - this.#at;
  }

  corrupt(why: string, offset = this.#at): ImageCorrupt {
    return new ImageCorrupt({ file: this.source.name, offset, why });
  }

  /** The next `length` bytes, of which `what` says what they are. @throws ImageCorrupt where the file ends before */
  take(length: number, what: string): Uint8Array {
    this.#check(length, what);
    const begin = this.#at - this.#windowAt;
    if (begin + length > this.#window.length) {
      this.#window = this.source.read(this.#at, Math.min(Math.max(length, WINDOW), this.remaining));
      this.#windowAt = this.#at;
      // The size was taken at opening; a file that shrinks under us is cut short all the same.
      if (this.#window.length < length) throw this.corrupt(`${what}: ${length} bytes are announced, ${this.#window.length} are there`);
      this.#at += length;
      return this.#window.subarray(0, length);
    }
    this.#at += length;
    return this.#window.subarray(begin, begin + length);
  }

  /** Passes over bytes without reading them. */
  skip(length: number, what: string): void {
    this.#check(length, what);
    this.#at += length;
  }

  #check(length: number, what: string): void {
    if (length > this.remaining) throw this.corrupt(`${what}: ${length} bytes are announced, ${this.remaining} are there`);
  }

  /** A u32 in the file's byte order. */
  u32(what: string): number {
    const word = this.#littleU32(what);
    return this.bigEndian ? swapped(word) : word;
  }

  #littleU32(what: string): number {
    const begin = this.#at - this.#windowAt;
    const w = this.#window;
    // Mostly it is at hand: no view is made for four bytes.
    if (begin + 4 <= w.length) {
      this.#at += 4;
      return (w[begin]! | (w[begin + 1]! << 8) | (w[begin + 2]! << 16) | (w[begin + 3]! << 24)) >>> 0;
    }
    const b = this.take(4, what);
    return (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0;
  }
}
