import { openSearch, threadMemory } from '@criu-ts/wasm';

/** What is looked for: these bytes, this text (as UTF-8), or what a regular expression matches, bytes being U+0000…U+00FF to it. */
export type Pattern = Uint8Array | string | RegExp;

/** The longest match of a regular expression that is found wherever it lies; a longer one may be cut. */
export const MAX_MATCH = 4096;
/** Bytes before a place that a regular expression may look back at (`\b`, `(?<=…)`), wherever pieces end. */
const CONTEXT = 4096;
/** A regular expression is run when so much has come together: small pieces would be looked at again and again. */
const ENOUGH = 1024 * 1024;
/** Matches of one piece that are told at once. */
const ROOM = 1024;

export interface StreamMatch {
  readonly at: bigint;
  readonly bytes: Uint8Array;
  /** It ends where only what was looked at ends: there may be more of it. */
  readonly cut: boolean;
}

/** Looks for a pattern in bytes that come piece by piece, also across pieces that follow each other without a gap. */
export class StreamSearch {
  readonly #finder: Finder;
  #parts: Uint8Array[] = [];
  /** bytes in the parts */
  #length = 0;
  /** of the first part's first byte */
  #at = 0n;
  /** in the parts: before it, everything was looked at */
  #from = 0;
  /** where the last match ended: none begins within another */
  #told = 0n;

  /** @throws TypeError for an empty pattern or one longer than `longest` */
  constructor(pattern: Pattern, longest = MAX_MATCH) {
    this.#finder = finderOf(pattern, longest);
  }

  /** The next piece; where it does not follow the one before it, that one has ended. */
  *push(at: bigint, bytes: Uint8Array): Generator<StreamMatch, void, undefined> {
    if (at !== this.#at + BigInt(this.#length)) {
      yield* this.end();
      this.#at = at;
    }
    this.#parts.push(bytes);
    this.#length += bytes.length;
    if (this.#length - this.#from >= this.#finder.enough) yield* this.#find(false);
  }

  /** Nothing follows. */
  *end(): Generator<StreamMatch, void, undefined> {
    if (this.#length > this.#from) yield* this.#find(true);
    this.#at += BigInt(this.#length);
    this.#parts = [];
    this.#length = 0;
    this.#from = 0;
  }

  *#find(final: boolean): Generator<StreamMatch, void, undefined> {
    const hay = joined(this.#parts, this.#length);
    const from = Math.max(this.#from, this.#finder.overlapping ? 0 : Number(this.#told - this.#at));
    // Before the matches are told: whoever consumes them may stop.
    const base = this.#at;
    this.#from = Math.max(this.#from, hay.length - this.#finder.overlap);
    const keep = Math.max(0, this.#from - (this.#finder.overlapping ? 0 : CONTEXT));
    this.#parts = [hay.slice(keep)];
    this.#length -= keep;
    this.#at += BigInt(keep);
    this.#from -= keep;
    for (const { offset, length } of this.#finder.find(hay, from, final)) {
      const at = base + BigInt(offset);
      this.#told = at + BigInt(length);
      yield { at, bytes: hay.slice(offset, offset + length), cut: !final && !this.#finder.overlapping && offset + length === hay.length };
    }
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

interface Finder {
  /** bytes at the end that are looked at again with what follows */
  readonly overlap: number;
  /** bytes that are worth a look */
  readonly enough: number;
  /** matches may overlap */
  readonly overlapping: boolean;
  /** What begins at `from` or later, and before the last `overlap` bytes, or anywhere where nothing follows. */
  find(hay: Uint8Array, from: number, final: boolean): Iterable<{ readonly offset: number; readonly length: number }>;
}

function finderOf(pattern: Pattern, longest: number): Finder {
  if (pattern instanceof RegExp) return regexpFinder(pattern, longest);
  const needle = typeof pattern === 'string' ? new TextEncoder().encode(pattern) : pattern;
  if (needle.length === 0 || needle.length > longest) throw new TypeError(`a pattern of ${needle.length} bytes`);
  return { overlap: needle.length - 1, enough: needle.length, overlapping: true, find: (hay, from) => findBytes(hay, from, needle) };
}

function* findBytes(hay: Uint8Array, begin: number, needle: Uint8Array): Generator<{ offset: number; length: number }> {
  const places = new Uint32Array(ROOM);
  const last = hay.length - needle.length;
  for (let from = begin; from <= last; ) {
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

/** WHATWG's "latin1" is windows-1252; bytes are to be code points. Node has a quick way for that. */
function codePoints(bytes: Uint8Array): string {
  if (typeof Buffer === 'function') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return parts.join('');
}

function regexpFinder(pattern: RegExp, longest: number): Finder {
  const expression = new RegExp(pattern.source, [...new Set(`${pattern.flags.replace('y', '')}g`)].join(''));
  return {
    overlap: longest,
    enough: longest + ENOUGH,
    overlapping: false,
    *find(hay, from, final) {
      const end = final ? hay.length : hay.length - longest;
      if (from >= end) return;
      expression.lastIndex = from;
      for (const match of codePoints(hay).matchAll(expression)) {
        if (match.index >= end) break;
        if (match[0].length > 0) yield { offset: match.index, length: match[0].length };
      }
    },
  };
}
