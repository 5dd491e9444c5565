import type { DecodedPagemap, PagemapColumns, PagemapStatus } from './columns.js';

/** Pagemap entries without WebAssembly: the tests' oracle, and the way where there is none. */

const VADDR = 1;
const COMPAT_NR_PAGES = 2;
const IN_PARENT = 3;
const FLAGS = 4;
const NR_PAGES = 5;
const PE_PARENT = 1;
const PE_PRESENT = 4;

function putVarint(out: number[], value: bigint): void {
  while (value >= 0x80n) {
    out.push(Number(value & 0x7fn) | 0x80);
    value >>= 7n;
  }
  out.push(Number(value));
}

export function plainEncode({ vaddr, nrPages, flags }: PagemapColumns): Uint8Array {
  const count = vaddr.length;
  if (nrPages.length !== count || flags.length !== count) throw new RangeError(`columns of ${count}, ${nrPages.length} and ${flags.length} rows`);
  const out: number[] = [];
  for (let i = 0; i < count; i++) {
    const entry: number[] = [VADDR << 3];
    putVarint(entry, vaddr[i]!);
    entry.push(COMPAT_NR_PAGES << 3, 0, FLAGS << 3);
    putVarint(entry, BigInt(flags[i]!));
    entry.push(NR_PAGES << 3);
    putVarint(entry, BigInt(nrPages[i]!));
    out.push(entry.length, 0, 0, 0, ...entry);
  }
  return Uint8Array.from(out);
}

/** Thrown and caught in this file. */
class Stop extends Error {
  readonly status: PagemapStatus;
  constructor(status: PagemapStatus) {
    super(status);
    this.status = status;
  }
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function varint(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new Stop('cut-short');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new Stop('bad-number');
}

function skip(cursor: Cursor, wireType: number): void {
  let length: bigint;
  if (wireType === 0) {
    varint(cursor);
    return;
  } else if (wireType === 1) length = 8n;
  else if (wireType === 2) length = varint(cursor);
  else if (wireType === 5) length = 4n;
  else throw new Stop('bad-wire-type');
  if (length > BigInt(cursor.bytes.length - cursor.at)) throw new Stop('cut-short');
  cursor.at += Number(length);
}

function decodeEntry(bytes: Uint8Array): { vaddr: bigint; pages: bigint; flags: number } {
  const cursor: Cursor = { bytes, at: 0 };
  const fields = new Map<number, bigint>();
  while (cursor.at < bytes.length) {
    const tag = varint(cursor);
    const number = Number(BigInt.asUintN(32, tag) >> 3n);
    const wireType = Number(tag & 7n);
    if (number === 0) throw new Stop('bad-field');
    if (number > NR_PAGES) {
      skip(cursor, wireType);
      continue;
    }
    if (wireType !== 0) throw new Stop('bad-wire-type');
    fields.set(number, varint(cursor));
  }
  const vaddr = fields.get(VADDR);
  const compat = fields.get(COMPAT_NR_PAGES);
  if (vaddr === undefined || compat === undefined) throw new Stop('missing-field');
  const pages = fields.get(NR_PAGES) ?? BigInt.asUintN(32, compat);
  if (pages >> 32n !== 0n) throw new Stop('too-many-pages');
  const flags = fields.get(FLAGS);
  const stated = Number(BigInt.asUintN(32, flags ?? 0n));
  return { vaddr, pages, flags: (fields.get(IN_PARENT) ?? 0n) !== 0n ? (stated | PE_PARENT) >>> 0 : flags === undefined ? PE_PRESENT : stated };
}

export function plainDecode(bytes: Uint8Array): DecodedPagemap {
  const vaddr: bigint[] = [];
  const nrPages: number[] = [];
  const flags: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let status: PagemapStatus = 'done';
  try {
    while (at < bytes.length) {
      if (bytes.length - at < 4) throw new Stop('cut-short');
      const size = view.getUint32(at, true);
      if (size > bytes.length - at - 4) throw new Stop('cut-short');
      const entry = decodeEntry(bytes.subarray(at + 4, at + 4 + size));
      vaddr.push(entry.vaddr);
      nrPages.push(Number(entry.pages));
      flags.push(entry.flags);
      at += 4 + size;
    }
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    status = error.status;
  }
  return { vaddr: BigUint64Array.from(vaddr), nrPages: Uint32Array.from(nrPages), flags: Uint32Array.from(flags), consumed: at, status };
}
