import { openCrc32c, openLz4, threadMemory } from '@criu-ts/wasm';
import { ImageCorrupt } from '../errors.js';
import type { ByteSource, ImageDirectory } from '../io/directory.js';
import { BLOCK, blockLength, pageFileNames, readCrcTable, readLz4Table } from './format.js';
import type { BlockTable } from './format.js';

/** The page contents of one pagemap, as if they lay in a plain pages-N.img. */
export interface PageReader extends Disposable {
  /** bytes of all pages together */
  readonly size: number;
  /**
   * The file's name where its bytes are the pages, so that a restore may read them by system calls of its own;
   * undefined where they must go through here to be decompressed.
   */
  readonly plainFile: string | undefined;
  /** Reading verifies checksums. */
  readonly checksummed: boolean;
  /** Which part of the file `readInto` reads for this part of the pages: for whoever must have it at hand before. */
  storedRange(offset: number, length: number): { readonly offset: number; readonly length: number };
  /** Fills `target` with what lies at `offset`. @throws ImageCorrupt where the file ends before, or a block is damaged */
  readInto(target: Uint8Array, offset: number): void;
}

/** The pages of pages-<pagesId>, however they are stored. @throws ImageCorrupt */
export function openPages(directory: ImageDirectory, pagesId: number): PageReader {
  const names = pageFileNames(pagesId);
  const plain = directory.open(names.plain);
  // Where both are there, a compression was broken off: the plain file goes last.
  const source = plain ?? directory.open(names.lz4);
  if (source === undefined) throw new ImageCorrupt({ file: names.plain, why: 'there is no such file' });
  try {
    if (plain === undefined) return pagesOf(source, 'lz4');
    using crc = directory.open(names.crc);
    return pagesOf(source, crc);
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
}

/** The pages in a file: a compressed one, or a plain one with its checksums, where there are any. @throws ImageCorrupt */
export function pagesOf(source: ByteSource, how: 'lz4' | ByteSource | undefined): PageReader {
  if (how === 'lz4') return new BlockReader(source, readLz4Table(source), undefined);
  return how ? new BlockReader(source, readCrcTable(how, source), source.name) : new PlainReader(source);
}

function tooShort(file: string, size: number, offset: number, length: number): ImageCorrupt {
  return new ImageCorrupt({ file, offset: size, why: `pages are asked for up to byte ${offset + length}, the file has ${size}` });
}

class PlainReader implements PageReader {
  readonly size: number;
  readonly plainFile: string;
  readonly checksummed = false;
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    this.size = source.size;
    this.plainFile = source.name;
    this.#source = source;
  }

  storedRange(offset: number, length: number): { offset: number; length: number } {
    return { offset, length };
  }

  readInto(target: Uint8Array, offset: number): void {
    const got = this.#source.readInto(target, offset);
    if (got !== target.length) throw tooShort(this.plainFile, offset + got, offset, target.length);
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}

/** Blocks that are read with one call. */
const BATCH = 16;

/** Reads whole blocks, verifies and decompresses them, and hands out the parts that were asked for. */
class BlockReader implements PageReader {
  readonly size: number;
  readonly plainFile: string | undefined;
  readonly checksummed: boolean;
  readonly #source: ByteSource;
  readonly #table: BlockTable;
  /** The block that was read last in part: the next read mostly goes on there. */
  readonly #kept = new Uint8Array(BLOCK);
  #keptBlock = -1;

  constructor(source: ByteSource, table: BlockTable, plainFile: string | undefined) {
    this.size = table.size;
    this.plainFile = plainFile;
    this.checksummed = table.checksums !== undefined;
    this.#source = source;
    this.#table = table;
  }

  storedRange(offset: number, length: number): { offset: number; length: number } {
    const { offsets } = this.#table;
    const first = offsets[Math.floor(offset / BLOCK)]!;
    return { offset: first, length: offsets[Math.min(this.#table.blocks, Math.ceil((offset + length) / BLOCK))]! - first };
  }

  readInto(target: Uint8Array, offset: number): void {
    const end = offset + target.length;
    if (end > this.size) throw tooShort(this.#source.name, this.size, offset, target.length);
    let block = Math.floor(offset / BLOCK);
    const endBlock = Math.ceil(end / BLOCK);
    while (block < endBlock) {
      if (block === this.#keptBlock) {
        copyPart(this.#kept, block, target, offset);
        block++;
        continue;
      }
      const batchEnd = Math.min(block + BATCH, endBlock);
      this.#readBatch(block, batchEnd, target, offset);
      block = batchEnd;
    }
  }

  #readBatch(first: number, end: number, target: Uint8Array, offset: number): void {
    const { offsets, raw } = this.#table;
    const memory = threadMemory();
    const from = offsets[first]!;
    using stored = memory.allocate(offsets[end]! - from);
    using unpacked = memory.allocate(BLOCK);
    if (this.#source.readInto(stored.bytes(), from) !== stored.length) throw tooShort(this.#source.name, this.#source.size, from, stored.length);
    for (let block = first; block < end; block++) {
      const at = offsets[block]! - from;
      const storedLength = offsets[block + 1]! - offsets[block]!;
      const length = blockLength(this.size, block);
      const sum = this.#table.checksums?.[block];
      if (sum !== undefined && openCrc32c(memory).checksum(stored, at, storedLength) !== sum) throw this.#damaged(block, 'its checksum is wrong');
      let pages: Uint8Array;
      if (raw[block]) pages = stored.bytes(at, length);
      else if (openLz4(memory).decompress(stored, at, storedLength, unpacked, 0, length)) pages = unpacked.bytes(0, length);
      else throw this.#damaged(block, 'it is not an LZ4 block');
      copyPart(pages, block, target, offset);
      if (block * BLOCK + length > offset + target.length) {
        this.#kept.set(pages);
        this.#keptBlock = block;
      }
    }
  }

  #damaged(block: number, why: string): ImageCorrupt {
    const pages = `pages at ${block * BLOCK} to ${block * BLOCK + blockLength(this.size, block)}`;
    return new ImageCorrupt({ file: this.#source.name, offset: this.#table.offsets[block], why: `block ${block} (${pages}) is damaged: ${why}` });
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}

/** Copies what a block and the target have in common; the target begins at `offset` of all pages. */
function copyPart(pages: Uint8Array, block: number, target: Uint8Array, offset: number): void {
  const blockAt = block * BLOCK;
  const from = Math.max(blockAt, offset);
  const to = Math.min(blockAt + pages.length, offset + target.length);
  target.set(pages.subarray(from - blockAt, to - blockAt), from - offset);
}
