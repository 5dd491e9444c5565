import { MAX_READ } from './async-pages.js';
import type { Region } from './memory-map.js';
import type { PageLayers, PageRun } from './page-layers.js';

/** A piece of a process's memory, and where its contents are. */
export interface MemoryPiece {
  readonly address: bigint;
  readonly length: number;
  readonly region: Region | undefined;
  /**
   * images: its bytes are in the checkpoint; zero: never written, so zeros; file: as in the mapped file, which no image
   * holds; kernel: the kernel's (vvar); lazy: left with the page server; lost: a parent should have it; unmapped
   */
  readonly source: 'images' | 'zero' | 'file' | 'kernel' | 'lazy' | 'lost' | 'unmapped';
  /** of `images`: the bytes */
  readonly read: () => Promise<Uint8Array>;
}

/** Memory was asked for that the checkpoint does not hold. */
export class MemoryUnavailable extends Error {
  readonly code = 'memory-unavailable';
  readonly address: bigint;
  readonly source: MemoryPiece['source'];

  constructor(piece: MemoryPiece) {
    const why = { file: `it is as in ${piece.region?.name ?? 'a file'}, which the images don't hold`, kernel: 'it is the kernel’s', lazy: 'it was left with the page server', lost: 'the parent that should have it does not', unmapped: 'nothing is mapped there', images: '', zero: '' }[piece.source];
    super(`no memory at 0x${piece.address.toString(16)}: ${why}`);
    this.name = 'MemoryUnavailable';
    this.address = piece.address;
    this.source = piece.source;
  }
}

/** Opens the pages of a shared segment; undefined where no image has any. */
export type OpenSegment = (id: bigint) => Promise<PageLayers | undefined>;

/** The memory of a process as the checkpoint has it. Nothing is held: pieces of at most 1 MiB are read as they are asked for. */
export class ProcessMemory {
  readonly regions: readonly Region[];
  readonly pageSize: number;
  readonly #own: PageLayers | undefined;
  readonly #openSegment: OpenSegment;

  /** @param regions in increasing order, without overlaps */
  constructor(regions: readonly Region[], own: PageLayers | undefined, openSegment: OpenSegment, pageSize: number) {
    this.regions = regions;
    this.pageSize = pageSize;
    this.#own = own;
    this.#openSegment = openSegment;
  }

  regionAt(address: bigint): Region | undefined {
    let low = 0;
    let high = this.regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.regions[middle]!.end <= address) low = middle + 1;
      else high = middle;
    }
    const region = this.regions[low];
    return region !== undefined && region.start <= address ? region : undefined;
  }

  /** All of `start` to `end` (not included) in pieces, whatever is there; a piece is of one region and at most 1 MiB long where it has bytes. */
  async *pieces(start: bigint, end: bigint): AsyncGenerator<MemoryPiece, void, undefined> {
    let at = start;
    for (const region of this.regions) {
      if (region.end <= at) continue;
      if (region.start >= end) break;
      if (region.start > at) yield gap(at, region.start);
      const to = region.end < end ? region.end : end;
      yield* this.regionPieces(region, region.start > at ? region.start : at, to);
      at = to;
    }
    if (at < end) yield gap(at, end);
  }

  /** The same within a region. */
  async *regionPieces(region: Region, start = region.start, end = region.end): AsyncGenerator<MemoryPiece, void, undefined> {
    const size = BigInt(this.pageSize);
    // Shared memory is numbered from its segment's beginning, and may begin in the middle of it.
    const shift = region.segment === undefined ? 0n : region.start - region.offset;
    const pages = region.segment === undefined ? this.#own : await this.#openSegment(region.segment);
    const page = (address: bigint): number => Number((address - shift) / size);
    const last = page(end + size - 1n);
    let at = start;
    for (const run of pages?.runs(page(start), last) ?? []) {
      const runStart = BigInt(run.page) * size + shift;
      const runEnd = runStart + BigInt(run.pages) * size;
      const from = runStart > at ? runStart : at;
      const to = runEnd < end ? runEnd : end;
      if (from > at) yield absent(region, at, from);
      if (to > from) yield* runPieces(region, pages!, run, from, to, Number(from - runStart));
      at = to;
    }
    if (at < end) yield absent(region, at, end);
  }

  /** How many bytes of a region are in this set's images, and in its parents'. Reads no page. */
  async held(region: Region): Promise<{ dumped: number; inherited: number }> {
    const pages = region.segment === undefined ? this.#own : await this.#openSegment(region.segment);
    const first = Number((region.segment === undefined ? region.start : region.offset) / BigInt(this.pageSize));
    const count = Number((region.end - region.start) / BigInt(this.pageSize));
    let dumped = 0;
    let inherited = 0;
    for (const run of pages?.runs(first, first + count) ?? []) {
      if (run.where !== 'present') continue;
      if (run.layer === 0) dumped += run.pages * this.pageSize;
      else inherited += run.pages * this.pageSize;
    }
    return { dumped, inherited };
  }

  /** Exactly these bytes. @throws MemoryUnavailable where the checkpoint does not hold all of them; ImageCorrupt */
  async read(address: bigint, length: number): Promise<Uint8Array> {
    const target = new Uint8Array(length);
    for await (const piece of this.pieces(address, address + BigInt(length))) {
      if (piece.source === 'zero') continue;
      if (piece.source !== 'images') throw new MemoryUnavailable(piece);
      target.set(await piece.read(), Number(piece.address - address));
    }
    return target;
  }

  /** Bytes up to the first NUL, at most `limit`. @throws MemoryUnavailable, ImageCorrupt */
  async readString(address: bigint, limit = 4096): Promise<string> {
    const parts: Uint8Array[] = [];
    for (let got = 0; got < limit; ) {
      const next = address + BigInt(got);
      // A string may end at the end of its mapping.
      const length = Math.min(256 - Number(next % 256n), limit - got);
      const bytes = await this.read(next, length);
      const end = bytes.indexOf(0);
      parts.push(end < 0 ? bytes : bytes.subarray(0, end));
      if (end >= 0) break;
      got += length;
    }
    return parts.map((part) => new TextDecoder('latin1').decode(part)).join('');
  }
}

const nothing = async (): Promise<Uint8Array> => new Uint8Array(0);
const gap = (from: bigint, to: bigint): MemoryPiece => ({ address: from, length: Number(to - from), region: undefined, source: 'unmapped', read: nothing });

/** What no pagemap tells of. */
function absent(region: Region, from: bigint, to: bigint): MemoryPiece {
  const source = region.fileId !== undefined ? 'file' : region.kind === 'kernel' ? 'kernel' : 'zero';
  return { address: from, length: Number(to - from), region, source, read: nothing };
}

function* runPieces(region: Region, pages: PageLayers, run: PageRun, from: bigint, to: bigint, skip: number): Generator<MemoryPiece, void, undefined> {
  const total = Number(to - from);
  if (run.where !== 'present') {
    yield { address: from, length: total, region, source: run.where, read: nothing };
    return;
  }
  for (let done = 0; done < total; done += MAX_READ) {
    const at = done;
    const length = Math.min(MAX_READ, total - at);
    yield { address: from + BigInt(at), length, region, source: 'images', read: () => pages.read(run, skip + at, length) };
  }
}
