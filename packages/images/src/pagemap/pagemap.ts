import { openPagemapCodec, plainPagemapCodec, threadMemory } from '@criu-ts/wasm';
import type { PagemapCodec, PagemapColumns, PagemapStatus } from '@criu-ts/wasm';
import { ImageCorrupt } from '../errors.js';
import { pagemap_head } from '../gen/pagemap.js';
import type { ImageId, ImageSet } from '../image-set.js';
import { readFirstWord } from '../image-reader.js';
import { IMAGE_TYPES } from '../image-types.js';
import { ByteCursor } from '../io/cursor.js';
import { MemorySource } from '../io/directory.js';
import { WireWriter } from '../message/encode.js';
import { located } from '../payloads.js';

/** Bits of pagemap_entry.flags. */
export const PE_PARENT = 1;
export const PE_LAZY = 2;
export const PE_PRESENT = 4;

/**
 * A pagemap image: which pages were dumped, a row for each run of pages, in columns of the same length.
 * The contents of the PE_PRESENT runs lie in pages-<pagesId>.img one behind the other, in the order of the rows.
 */
export interface Pagemap extends PagemapColumns {
  readonly pagesId: number;
}

/** The kinds whose files are pagemaps: `IMAGE_TYPES.pagemap` and `IMAGE_TYPES.shmemPagemap`. */
export type PagemapType = typeof IMAGE_TYPES.pagemap;

/** Below this size starting WebAssembly costs more than it saves. */
const SMALL = 4096;

const codecFor = (bytes: number): PagemapCodec => (bytes < SMALL ? plainPagemapCodec : openPagemapCodec(threadMemory()));

const WHY: Readonly<Record<PagemapStatus, string>> = {
  done: '',
  'no-room': 'more entries than bytes for them',
  'cut-short': 'pagemap_entry is cut short',
  'bad-number': 'a number in pagemap_entry is longer than 64 bits',
  'bad-wire-type': 'a field of pagemap_entry has the wrong wire type',
  'bad-field': 'pagemap_entry holds a field with the number 0',
  'missing-field': 'pagemap_entry lacks a required field',
  'too-many-pages': 'a run has 2^32 pages or more',
};

/**
 * The rows of a pagemap file. What older CRIUs left out is filled in: nr_pages from compat_nr_pages, flags from in_parent
 * or as PE_PRESENT. @throws ImageCorrupt
 */
export function decodePagemap(file: string, bytes: Uint8Array): Pagemap {
  const cursor = new ByteCursor(new MemorySource(file, bytes));
  for (const [i, word] of IMAGE_TYPES.pagemap.words.entries()) {
    const found = i === 0 ? readFirstWord(cursor) : cursor.u32('words');
    if (found !== word) throw cursor.corrupt(`the word is 0x${found.toString(16)}, a PAGEMAP image has 0x${word.toString(16)}`, 4 * i);
  }
  const size = cursor.u32('size of pagemap_head');
  const head = cursor.take(size, 'pagemap_head');
  let pagesId: number;
  try {
    pagesId = pagemap_head.decode(head).pagesId;
  } catch (error) {
    throw located(error, cursor, size);
  }
  const rows = cursor.bigEndian ? littleRows(cursor) : bytes.subarray(cursor.offset);
  const { vaddr, nrPages, flags, consumed, status } = codecFor(rows.length).decode(rows);
  if (status !== 'done') throw new ImageCorrupt({ file, offset: bytes.length - rows.length + consumed, why: WHY[status] });
  return { pagesId, vaddr, nrPages, flags };
}

/** All rows with sizes as a little-endian machine writes them, which is what the codecs read. */
function littleRows(cursor: ByteCursor): Uint8Array {
  const rows = cursor.source.read(cursor.offset, cursor.remaining).slice();
  const view = new DataView(rows.buffer, rows.byteOffset);
  for (let at = 0; cursor.remaining > 0; ) {
    const size = cursor.u32('size of pagemap_entry');
    cursor.skip(size, 'pagemap_entry');
    view.setUint32(at, size, true);
    at += 4 + size;
  }
  return rows;
}

/** The file as CRIU 4.2 writes it. */
export function encodePagemap(pagemap: Pagemap): Uint8Array {
  const writer = new WireWriter();
  for (const word of IMAGE_TYPES.pagemap.words) writer.fixed32(word);
  const begin = writer.beginSized();
  pagemap_head.encodeInto({ pagesId: pagemap.pagesId }, writer);
  writer.endSized(begin);
  writer.bytes(codecFor(pagemap.vaddr.length * 16).encode(pagemap));
  return writer.finish();
}

export function readPagemap(set: ImageSet, type: PagemapType, id: ImageId): Pagemap {
  using source = set.source(type, id);
  return decodePagemap(source.name, source.read(0, source.size));
}

export function writePagemap(set: ImageSet, type: PagemapType, id: ImageId, pagemap: Pagemap): void {
  using sink = set.sink(type, id);
  sink.write(encodePagemap(pagemap));
}

/** Columns of rows, for whoever has them one by one. */
export function pagemapOf(pagesId: number, rows: readonly { readonly vaddr: bigint; readonly nrPages: number; readonly flags: number }[]): Pagemap {
  return {
    pagesId,
    vaddr: BigUint64Array.from(rows, (row) => row.vaddr),
    nrPages: Uint32Array.from(rows, (row) => row.nrPages),
    flags: Uint32Array.from(rows, (row) => row.flags),
  };
}

