/**
 * LZ4 without WebAssembly: the tests' oracle, and the way where there is none.
 * It finds the same matches as lz4.c, so that both give the same bytes.
 */

const HASH_BITS = 13;
const MIN_MATCH = 4;
/** The last match must begin this far before the end, and the last five bytes are literals (end-of-block restrictions). */
const MATCH_LIMIT = 12;
const LAST_LITERALS = 5;
const SKIP_TRIGGER = 6;

const word = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
const hash = (value: number): number => Math.imul(value, 2_654_435_761) >>> (32 - HASH_BITS);

function commonLength(bytes: Uint8Array, a: number, b: number, limit: number): number {
  const start = a;
  while (a < limit && bytes[a] === bytes[b]) {
    a++;
    b++;
  }
  return a - start;
}

/** Writes sequences until there is no room. */
class Output {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  length(rest: number): void {
    for (; rest >= 255; rest -= 255) this.bytes[this.at++] = 255;
    this.bytes[this.at++] = rest;
  }

  /** A token with these literals; `more` is the match's length beyond the least, 0 where there is no match. */
  literals(source: Uint8Array, from: number, to: number, more: number): void {
    const count = to - from;
    this.bytes[this.at++] = (Math.min(count, 15) << 4) | Math.min(more, 15);
    if (count >= 15) this.length(count - 15);
    this.bytes.set(source.subarray(from, to), this.at);
    this.at += count;
  }

  get room(): number {
    return this.bytes.length - this.at;
  }
}

/** The size of what was written to `target`, 0 where it does not fit. */
export function plainCompress(source: Uint8Array, target: Uint8Array): number {
  const out = new Output(target);
  let anchor = 0;
  if (source.length > MATCH_LIMIT) {
    const table = new Uint16Array(1 << HASH_BITS);
    const lastStart = source.length - MATCH_LIMIT;
    const matchEnd = source.length - LAST_LITERALS;
    let at = 0;
    outer: for (;;) {
      let match: number;
      let tries = 1 << SKIP_TRIGGER;
      let next = at + 1;
      do {
        at = next;
        if (at > lastStart) break outer;
        next = at + (tries++ >> SKIP_TRIGGER);
        const slot = hash(word(source, at));
        match = table[slot]!;
        table[slot] = at;
      } while (word(source, match) !== word(source, at));
      while (at > anchor && match > 0 && source[at - 1] === source[match - 1]) {
        at--;
        match--;
      }
      for (;;) {
        const before = at - anchor;
        const more = commonLength(source, at + MIN_MATCH, match + MIN_MATCH, matchEnd);
        if (before + Math.floor(before / 255) + Math.floor(more / 255) + 5 > out.room) return 0;
        out.literals(source, anchor, at, more);
        target[out.at++] = at - match;
        target[out.at++] = (at - match) >> 8;
        if (more >= 15) out.length(more - 15);
        at += MIN_MATCH + more;
        anchor = at;
        if (at > lastStart) break outer;
        table[hash(word(source, at - 2))] = at - 2;
        const slot = hash(word(source, at));
        match = table[slot]!;
        table[slot] = at;
        if (word(source, match) !== word(source, at)) break;
      }
    }
  }
  const rest = source.length - anchor;
  if (rest + Math.floor(rest / 255) + 2 > out.room) return 0;
  out.literals(source, anchor, source.length, 0);
  return out.at;
}

/** Whether `source` was a block of exactly `target.length` bytes, which now hold it. */
export function plainDecompress(source: Uint8Array, target: Uint8Array): boolean {
  let at = 0;
  let out = 0;
  /** A length of 15 goes on in the following bytes; -1 where they end too early. */
  const extended = (first: number): number => {
    let length = first;
    if (first !== 15) return length;
    for (;;) {
      const byte = source[at++];
      if (byte === undefined) return -1;
      length += byte;
      if (byte !== 255) return length;
    }
  };
  for (;;) {
    const token = source[at++];
    if (token === undefined) return false;
    const literals = extended(token >> 4);
    if (literals < 0 || literals > source.length - at || literals > target.length - out) return false;
    target.set(source.subarray(at, at + literals), out);
    at += literals;
    out += literals;
    if (at === source.length) return out === target.length;

    if (source.length - at < 2) return false;
    const offset = source[at]! | (source[at + 1]! << 8);
    at += 2;
    if (offset === 0 || offset > out) return false;
    const more = extended(token & 15);
    if (more < 0 || more + MIN_MATCH > target.length - out) return false;
    for (const end = out + more + MIN_MATCH; out < end; out++) target[out] = target[out - offset]!;
  }
}
