import { ImageCorrupt } from '../errors.js';
import type { ByteAccess } from './byte-access.js';
import { unpackedPieces } from './unpack.js';
import type { Compression } from './unpack.js';

const BLOCK = 256 * 1024;
/** Blocks that are kept: reads near each other, and a few places at once, don't begin anew. */
const KEPT = 32;

/**
 * A compressed access as if it were not: reading on costs what lies between, reading back begins at the stream's
 * beginning, unless the block is among the last 8 MiB that were read. Never more than that is held.
 */
export function sequentialAccess(packed: ByteAccess, compression: Compression, maxBytes: number): ByteAccess {
  return new SequentialAccess(packed, compression, maxBytes);
}

class SequentialAccess implements ByteAccess {
  readonly name: string;
  readonly sequential = true;
  readonly packedSize: number;
  size = Infinity;
  readonly #packed: ByteAccess;
  readonly #compression: Compression;
  readonly #maxBytes: number;
  /** by number, the longest unused first */
  readonly #blocks = new Map<number, Uint8Array>();
  #pieces: AsyncGenerator<Uint8Array, void, undefined> | undefined;
  /** of the pieces: what was taken from the generator and is not yet in a block */
  #rest: Uint8Array = new Uint8Array(0);
  #nextBlock = 0;
  /** The block that was kept longest, to be filled anew: nobody has it, as reading gives copies. Else a gigabyte read is a gigabyte of garbage. */
  #spare: ArrayBuffer | undefined;
  /** One read at a time moves the stream. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(packed: ByteAccess, compression: Compression, maxBytes: number) {
    this.name = packed.name;
    this.packedSize = packed.packedSize ?? packed.size;
    this.#packed = packed;
    this.#compression = compression;
    this.#maxBytes = maxBytes;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    const result = this.#turn.then(() => this.#read(offset, length));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let got = 0;
    while (got < length) {
      const at = offset + got;
      if (at >= this.size) break;
      const block = await this.#block(Math.floor(at / BLOCK));
      const part = block.subarray(at % BLOCK, Math.min(block.length, (at % BLOCK) + length - got));
      if (part.length === 0) break;
      // A block is filled anew when it is no longer kept.
      parts.push(part.slice());
      got += part.length;
    }
    if (parts.length === 1) return parts[0]!;
    const joined = new Uint8Array(got);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  /** Block `n`; shorter, or empty, where the stream ends. */
  async #block(n: number): Promise<Uint8Array> {
    const known = this.#blocks.get(n);
    if (known !== undefined) {
      this.#blocks.delete(n);
      this.#blocks.set(n, known);
      return known;
    }
    if (this.#pieces === undefined || n < this.#nextBlock) await this.#restart();
    for (;;) {
      const block = await this.#next();
      const number = this.#nextBlock++;
      if (block.length < BLOCK) this.size = number * BLOCK + block.length;
      if (number * BLOCK + block.length > this.#maxBytes) throw new ImageCorrupt({ file: this.name, why: `it unpacks to more than ${this.#maxBytes} bytes` });
      this.#blocks.set(number, block);
      if (this.#blocks.size > KEPT) this.#dropOldest();
      if (number === n) return block;
      if (block.length < BLOCK) return new Uint8Array(0);
    }
  }

  #dropOldest(): void {
    const [number, block] = this.#blocks.entries().next().value!;
    this.#blocks.delete(number);
    this.#spare = block.buffer as ArrayBuffer;
  }

  async #next(): Promise<Uint8Array> {
    const block = new Uint8Array(this.#spare ?? new ArrayBuffer(BLOCK));
    this.#spare = undefined;
    let filled = 0;
    while (filled < BLOCK) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces!.next();
        if (next.done === true) break;
        this.#rest = next.value;
        continue;
      }
      const part = this.#rest.subarray(0, BLOCK - filled);
      block.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return block.subarray(0, filled);
  }

  async #restart(): Promise<void> {
    await this.#pieces?.return();
    this.#pieces = unpackedPieces(this.#packed, this.#compression);
    this.#rest = new Uint8Array(0);
    this.#nextBlock = 0;
  }

  close(): void {
    void this.#pieces?.return().catch(() => undefined);
    this.#pieces = undefined;
    this.#blocks.clear();
    this.#spare = undefined;
    this.#packed.close();
  }
}
