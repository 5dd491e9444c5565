import { openSearch, threadMemory } from '@criu-ts/wasm';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { Region } from '../memory/memory-map.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import { printable } from '../views/names.js';

/** What is looked for: these bytes, this text (as UTF-8), or what a regular expression matches, bytes being U+0000…U+00FF to it. */
export type Pattern = Uint8Array | string | RegExp;

export interface SearchOptions {
  /** only in these processes */
  readonly pids?: readonly number[] | undefined;
  /** only in regions for which this says so */
  readonly region?: ((region: Region) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Match {
  readonly pid: number;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly region: Region;
}

/** The longest match of a regular expression that is found wherever it lies; a longer one may be cut. */
export const MAX_MATCH = 4096;
/** Matches of one piece that are told at once. */
const ROOM = 1024;

/**
 * All places in the dumped memory where the pattern is, process by process, in the order of their addresses. Memory that
 * the images don't hold (file contents that were not written to, zeros) is not looked at. Streamed: a few MiB are held.
 * A regular expression is run as it is given: one that backtracks without end does so here.
 * @throws TypeError for an empty pattern or one longer than 4 KiB; ImageCorrupt; the signal's reason
 */
export async function* searchCheckpoint(checkpoint: Checkpoint, pattern: Pattern, options: SearchOptions = {}): AsyncGenerator<Match, void, undefined> {
  for (const process of await checkpoint.processes()) {
    if (process.isZombie || options.pids?.includes(process.pid) === false) continue;
    for await (const match of searchMemory(await process.memory(), pattern, options)) yield { pid: process.pid, ...match };
  }
}

/** The same in one process's memory. */
export async function* searchMemory(memory: ProcessMemory, pattern: Pattern, options: SearchOptions = {}): AsyncGenerator<Omit<Match, 'pid'>, void, undefined> {
  const finder = finderOf(pattern);
  for (const region of memory.regions) {
    if (options.region?.(region) === false) continue;
    let carried: Uint8Array = new Uint8Array(0);
    let next = region.start;
    /** where the last match ended: none begins within another */
    let told = region.start;
    const found = function* (hay: Uint8Array, at: bigint, final: boolean): Generator<Omit<Match, 'pid'>> {
      for (const { offset, length } of finder.find(hay, final)) {
        const address = at + BigInt(offset);
        if (address < told && !finder.overlapping) continue;
        told = address + BigInt(length);
        yield { address, bytes: hay.slice(offset, offset + length), region };
      }
    };
    for await (const piece of memory.regionPieces(region)) {
      options.signal?.throwIfAborted();
      if (piece.source !== 'images') continue;
      if (piece.address !== next) {
        yield* found(carried, next - BigInt(carried.length), true);
        carried = new Uint8Array(0);
      }
      const bytes = await piece.read();
      const hay = joined(carried, bytes);
      const at = piece.address - BigInt(carried.length);
      yield* found(hay, at, false);
      carried = hay.slice(Math.max(0, hay.length - finder.overlap));
      next = piece.address + BigInt(piece.length);
    }
    yield* found(carried, next - BigInt(carried.length), true);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

interface Finder {
  /** bytes at the end of a piece that are looked at again with the piece behind it */
  readonly overlap: number;
  /** matches may overlap */
  readonly overlapping: boolean;
  /** What begins before the last `overlap` bytes, or all where nothing follows. */
  find(hay: Uint8Array, final: boolean): Iterable<{ readonly offset: number; readonly length: number }>;
}

function finderOf(pattern: Pattern): Finder {
  if (pattern instanceof RegExp) return regexpFinder(pattern);
  const needle = typeof pattern === 'string' ? new TextEncoder().encode(pattern) : pattern;
  if (needle.length === 0 || needle.length > MAX_MATCH) throw new TypeError(`a pattern of ${needle.length} bytes`);
  return {
    overlap: needle.length - 1,
    overlapping: true,
    find: (hay) => findBytes(hay, needle),
  };
}

function* findBytes(hay: Uint8Array, needle: Uint8Array): Generator<{ offset: number; length: number }> {
  const places = new Uint32Array(ROOM);
  const last = hay.length - needle.length;
  for (let from = 0; from <= last; ) {
    const { found, searched } = bytesOnce(hay.subarray(from), needle, places);
    for (let i = 0; i < found; i++) yield { offset: from + places[i]!, length: needle.length };
    from += searched;
  }
}

/** Takes and gives back the thread's memory at once: whoever consumes the matches may use it, too. */
function bytesOnce(hay: Uint8Array, needle: Uint8Array, places: Uint32Array): { found: number; searched: number } {
  const memory = threadMemory();
  using hayRegion = memory.allocate(hay.length);
  using needleRegion = memory.allocate(needle.length);
  using placesRegion = memory.allocate(places.byteLength);
  hayRegion.bytes().set(hay);
  needleRegion.bytes().set(needle);
  const result = openSearch(memory).search(hayRegion, hay.length, needleRegion, placesRegion);
  places.set(new Uint32Array(memory.buffer, placesRegion.address, result.found));
  return result;
}

/** WHATWG's "latin1" is windows-1252; bytes are to be code points. */
function codePoints(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return parts.join('');
}

function regexpFinder(pattern: RegExp): Finder {
  const expression = new RegExp(pattern.source, [...new Set(`${pattern.flags.replace('y', '')}g`)].join(''));
  return {
    overlap: MAX_MATCH,
    overlapping: false,
    *find(hay, final) {
      const end = final ? hay.length : hay.length - MAX_MATCH;
      for (const match of codePoints(hay).matchAll(expression)) {
        if (match.index >= end) break;
        if (match[0].length > 0) yield { offset: match.index, length: match[0].length };
      }
    },
  };
}

/** Printable ASCII of at least `min` characters, as strings(1) finds it. */
export async function* stringsIn(memory: ProcessMemory, min = 6, options: SearchOptions = {}): AsyncGenerator<{ readonly address: bigint; readonly text: string; readonly region: Region }, void, undefined> {
  if (!Number.isInteger(min) || min < 1 || min > 1024) throw new RangeError(`strings of ${min} characters`);
  for await (const { address, bytes, region } of searchMemory(memory, new RegExp(`[\\t\\x20-\\x7e]{${min},1024}`), options)) yield { address, text: printable(bytes).replaceAll('\\x09', '\t'), region };
}
