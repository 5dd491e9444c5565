import { HIGH, LOW, pair, whole } from './word-pair.js';

/** Most messages are smaller; a larger one doubles it. */
const INITIAL_SIZE = 256;
/** The longest varint. */
const MAX_VARINT = 10;

/** A growing buffer that writes the protobuf wire format. */
export class WireWriter {
  #bytes: Uint8Array;
  #at = 0;

  constructor(initialSize = INITIAL_SIZE) {
    this.#bytes = new Uint8Array(initialSize);
  }

  get length(): number {
    return this.#at;
  }

  /** What was written since the last reset, as a view: the next reset and write may overwrite it. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  reset(): void {
    this.#at = 0;
  }

  #reserve(count: number): void {
    const needed = this.#at + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }

  /** Writes everything from `begin` on a second time. @returns where the copy begins */
  again(begin: number): number {
    const copy = this.#at;
    this.#reserve(copy - begin);
    this.#bytes.copyWithin(copy, begin, copy);
    this.#at = copy + (copy - begin);
    return copy;
  }

  /** A varint of 32 bits, unsigned. */
  uint32(value: number): void {
    this.#reserve(MAX_VARINT);
    const bytes = this.#bytes;
    let at = this.#at;
    while (value >= 0x80) {
      bytes[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    bytes[at++] = value;
    this.#at = at;
  }

  tag(tag: number): void {
    this.uint32(tag);
  }

  /** A negative int32 takes ten bytes, as a 64-bit number would (protobuf's encoding guide). */
  int32(value: number): void {
    if (value >= 0) this.uint32(value);
    else this.#varint64(value >>> 0, 0xffff_ffff);
  }

  uint64(value: bigint): void {
    whole[0] = value;
    const high = pair[HIGH]!;
    if (high === 0) this.uint32(pair[LOW]!);
    else this.#varint64(pair[LOW]!, high);
  }

  #varint64(low: number, high: number): void {
    this.#reserve(MAX_VARINT);
    const bytes = this.#bytes;
    let at = this.#at;
    while (high !== 0) {
      bytes[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#at = at;
    this.uint32(low);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    whole[0] = value;
    for (const half of [pair[LOW]!, pair[HIGH]!]) this.fixed32(half);
  }

  /** Four bytes, little-endian. */
  fixed32(value: number): void {
    this.#reserve(4);
    const bytes = this.#bytes;
    const at = this.#at;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.#at = at + 4;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** The next `count` bytes, to be filled by the caller, who then says by `took` how many. */
  room(count: number): Uint8Array {
    this.#reserve(count);
    return this.#bytes.subarray(this.#at, this.#at + count);
  }

  took(count: number): void {
    this.#at += count;
  }

  /** Leaves one byte for the length, which is enough for most messages; `endLengthDelimited` makes room where it is not. */
  beginLengthDelimited(): number {
    this.#reserve(1);
    return ++this.#at;
  }

  endLengthDelimited(begin: number): void {
    const length = this.#at - begin;
    if (length < 0x80) {
      this.#bytes[begin - 1] = length;
      return;
    }
    const extra = length < 0x4000 ? 1 : length < 0x20_0000 ? 2 : length < 0x1000_0000 ? 3 : 4;
    this.#reserve(extra);
    this.#bytes.copyWithin(begin + extra, begin, this.#at);
    const end = this.#at + extra;
    this.#at = begin - 1;
    this.uint32(length);
    this.#at = end;
  }

  /** Reserves four bytes for a size word that `endSized` fills in; returns where they lie. */
  beginSized(): number {
    this.fixed32(0);
    return this.#at;
  }

  endSized(begin: number): void {
    const end = this.#at;
    this.#at = begin - 4;
    this.fixed32(end - begin);
    this.#at = end;
  }
}
