import { openCrc32c, threadMemory } from '@criu-ts/wasm';
import { ImageCorrupt } from '../errors.js';
import type { ByteSource } from '../io/directory.js';

/**
 * Page contents beyond CRIU's plain pages-N.img, both made after the program runs again:
 *
 * pages-N.crc, beside a plain pages-N.img (which CRIU goes on reading): a checksum for each block.
 *   header · u32 CRC-32C of each block · u32 CRC-32C of all before
 * pages-N.lz4, instead of it: the pages in compressed blocks.
 *   header · blocks · for each block { u32 stored size, bit 31: not compressed; u32 CRC-32C of what is stored, or 0 }
 *   · u64 where the blocks' table begins · u32 CRC-32C of header, table and that place
 * header: 8 bytes name · u32 version · u32 block size · u64 size of all pages · u32 number of blocks · u32 flags (1: blocks have checksums)
 *
 * All numbers are little-endian. A block is 64 KiB of pages, the last may be shorter; compressed it is an LZ4 block
 * (lz4_Block_format.md) of its own, so that any page can be read without those before it.
 */
export const BLOCK = 64 * 1024;
export const HEADER_SIZE = 32;
export const TRAILER_SIZE = 12;
const VERSION = 1;
const HAS_CHECKSUMS = 1;
/** In a stored size: the block did not shrink and is stored as it is. */
const RAW = 0x8000_0000;

const NAMES = { lz4: 'CRTS-LZ4', crc: 'CRTS-CRC' } as const;

export const pageFileNames = (pagesId: number): { plain: string; lz4: string; crc: string } => ({
  plain: `pages-${pagesId}.img`,
  lz4: `pages-${pagesId}.lz4`,
  crc: `pages-${pagesId}.crc`,
});

/** Where each block lies, and what its bytes must be. */
export interface BlockTable {
  /** bytes of all pages together */
  readonly size: number;
  readonly blocks: number;
  /** where each block is stored; one more than there are blocks: the last is where they end */
  readonly offsets: Float64Array;
  readonly raw: Uint8Array;
  /** undefined where the file has none */
  readonly checksums: Uint32Array | undefined;
}

export interface Header {
  readonly kind: keyof typeof NAMES;
  readonly size: number;
  readonly checksums: boolean;
}

export const blockCount = (size: number): number => Math.ceil(size / BLOCK);

/** Bytes of the block's pages. */
export const blockLength = (size: number, block: number): number => Math.min(BLOCK, size - block * BLOCK);

export function encodeHeader({ kind, size, checksums }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE);
  bytes.set(new TextEncoder().encode(NAMES[kind]));
  const view = new DataView(bytes.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, BLOCK, true);
  view.setBigUint64(16, BigInt(size), true);
  view.setUint32(24, blockCount(size), true);
  view.setUint32(28, checksums ? HAS_CHECKSUMS : 0, true);
  return bytes;
}

export function decodeHeader(file: string, kind: Header['kind'], bytes: Uint8Array): Header {
  const corrupt = (why: string, offset: number): ImageCorrupt => new ImageCorrupt({ file, offset, why });
  if (bytes.length < HEADER_SIZE) throw corrupt('the header is cut short', 0);
  if (new TextDecoder('latin1').decode(bytes.subarray(0, 8)) !== NAMES[kind]) throw corrupt(`the file does not begin with ${NAMES[kind]}`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint32(8, true);
  if (version !== VERSION) throw corrupt(`version ${version} is not known`, 8);
  if (view.getUint32(12, true) !== BLOCK) throw corrupt(`blocks of ${view.getUint32(12, true)} bytes are not known`, 12);
  const size = Number(view.getBigUint64(16, true));
  if (!Number.isSafeInteger(size) || view.getUint32(24, true) !== blockCount(size)) throw corrupt('the number of blocks does not fit the size', 16);
  const flags = view.getUint32(28, true);
  if ((flags & ~HAS_CHECKSUMS) !== 0) throw corrupt(`flags 0x${flags.toString(16)} are not known`, 28);
  return { kind, size, checksums: flags === HAS_CHECKSUMS };
}

/** CRC-32C of pieces one behind the other. */
export function checksumOf(...pieces: readonly Uint8Array[]): number {
  const memory = threadMemory();
  const crc32c = openCrc32c(memory);
  return pieces.reduce((before, piece) => {
    using region = memory.allocate(piece.length);
    region.bytes().set(piece);
    return crc32c.checksum(region, 0, piece.length, before);
  }, 0);
}

const wordBytes = (words: Uint32Array): Uint8Array => {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setUint32(i * 4, word, true));
  return bytes;
};

export const storedWord = (size: number, raw: boolean): number => (raw ? (size | RAW) >>> 0 : size);

/** What follows the blocks of a pages-N.lz4: the table (two words a block) and the trailer. */
export function encodeLz4Tail(header: Uint8Array, table: Uint32Array, tableAt: number): Uint8Array {
  const rows = wordBytes(table);
  const place = new Uint8Array(8);
  new DataView(place.buffer).setBigUint64(0, BigInt(tableAt), true);
  const crc = wordBytes(Uint32Array.of(checksumOf(header, rows, place)));
  return concat(rows, place, crc);
}

/** A whole pages-N.crc. */
export function encodeCrcFile(size: number, checksums: Uint32Array): Uint8Array {
  const header = encodeHeader({ kind: 'crc', size, checksums: true });
  const rows = wordBytes(checksums);
  return concat(header, rows, wordBytes(Uint32Array.of(checksumOf(header, rows))));
}

function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** @throws ImageCorrupt */
export function readLz4Table(source: ByteSource): BlockTable {
  const corrupt = (why: string, offset: number): ImageCorrupt => new ImageCorrupt({ file: source.name, offset, why });
  const header = source.read(0, HEADER_SIZE);
  const { size, checksums } = decodeHeader(source.name, 'lz4', header);
  const blocks = blockCount(size);
  const trailerAt = source.size - TRAILER_SIZE;
  const tableAt = trailerAt - blocks * 8;
  if (tableAt < HEADER_SIZE) throw corrupt(`the file is too small for the table of ${blocks} blocks`, source.size);
  const tail = source.read(tableAt, source.size - tableAt);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  if (checksumOf(header, tail.subarray(0, -4)) !== view.getUint32(tail.length - 4, true)) throw corrupt('the checksum of header and table is wrong', source.size - 4);
  if (view.getBigUint64(tail.length - TRAILER_SIZE, true) !== BigInt(tableAt)) throw corrupt('the table is not where the file says', trailerAt);

  const offsets = new Float64Array(blocks + 1);
  const raw = new Uint8Array(blocks);
  const sums = new Uint32Array(blocks);
  offsets[0] = HEADER_SIZE;
  for (let block = 0; block < blocks; block++) {
    const word = view.getUint32(block * 8, true);
    const stored = word & ~RAW;
    raw[block] = word >>> 31;
    sums[block] = view.getUint32(block * 8 + 4, true);
    const length = blockLength(size, block);
    if (raw[block] ? stored !== length : stored === 0 || stored >= length) throw corrupt(`block ${block} has an impossible size of ${stored}`, tableAt + block * 8);
    offsets[block + 1] = offsets[block]! + stored;
  }
  if (offsets[blocks] !== tableAt) throw corrupt('the blocks do not end where the table begins', tableAt);
  return { size, blocks, offsets, raw, checksums: checksums ? sums : undefined };
}

/** The table of a plain pages file, by its checksums. @throws ImageCorrupt */
export function readCrcTable(source: ByteSource, plain: ByteSource): BlockTable {
  const corrupt = (why: string, offset: number): ImageCorrupt => new ImageCorrupt({ file: source.name, offset, why });
  const bytes = source.read(0, source.size);
  const { size } = decodeHeader(source.name, 'crc', bytes);
  const blocks = blockCount(size);
  const end = HEADER_SIZE + blocks * 4;
  if (bytes.length !== end + 4) throw corrupt(`the file has ${bytes.length} bytes, ${blocks} blocks need ${end + 4}`, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (checksumOf(bytes.subarray(0, end)) !== view.getUint32(end, true)) throw corrupt('the checksum of the checksums is wrong', end);
  if (plain.size !== size) throw new ImageCorrupt({ file: plain.name, offset: plain.size, why: `the file has ${plain.size} bytes, ${source.name} is for ${size}` });
  return {
    size,
    blocks,
    offsets: Float64Array.from({ length: blocks + 1 }, (_, block) => Math.min(size, block * BLOCK)),
    raw: new Uint8Array(blocks).fill(1),
    checksums: Uint32Array.from({ length: blocks }, (_, block) => view.getUint32(HEADER_SIZE + block * 4, true)),
  };
}
