import { ImageCorrupt } from '../errors.js';
import { HIGH, LOW, pair, signed, whole } from './word-pair.js';

/** A cursor over the protobuf wire format. It never reads beyond its bytes: what is cut short is ImageCorrupt. */
export class WireReader {
  readonly bytes: Uint8Array;
  at = 0;
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Passes over the next `length` bytes if they are the same as the last ones. */
  skipRepetition(length: number, end: number): boolean {
    const { bytes, at } = this;
    if (at + length > end) return false;
    for (let i = 0; i < length; i++) if (bytes[at - length + i] !== bytes[at + i]) return false;
    this.at = at + length;
    return true;
  }

  corrupt(why: string, offset = this.at): ImageCorrupt {
    return new ImageCorrupt({ why, offset });
  }

  /** Reads a varint of up to 64 bits into the two halves. */
  #varint(): void {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length) throw this.corrupt('a number is cut short', start);
      const byte = bytes[at++]!;
      const value = byte & 0x7f;
      if (shift < 28) low |= value << shift;
      else if (shift === 28) {
        low |= value << 28;
        high = value >>> 4;
      } else if (shift < 64) high |= value << (shift - 32);
      else throw this.corrupt('a number is longer than 64 bits', start);
      if (byte < 0x80) break;
    }
    this.at = at;
    this.#low = low >>> 0;
    this.#high = high >>> 0;
  }

  /** The low 32 bits of a varint: what uint32, enums and tags hold. */
  uint32(): number {
    const byte = this.bytes[this.at];
    if (byte !== undefined && byte < 0x80) {
      this.at++;
      return byte;
    }
    this.#varint();
    return this.#low;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  sint32(): number {
    const value = this.uint32();
    return (value >>> 1) ^ -(value & 1);
  }

  bool(): boolean {
    this.#varint();
    return (this.#low | this.#high) !== 0;
  }

  uint64(): bigint {
    this.#varint();
    pair[LOW] = this.#low;
    pair[HIGH] = this.#high;
    return whole[0]!;
  }

  int64(): bigint {
    this.#varint();
    pair[LOW] = this.#low;
    pair[HIGH] = this.#high;
    return signed[0]!;
  }

  sint64(): bigint {
    this.#varint();
    const flip = -(this.#low & 1);
    pair[LOW] = ((this.#low >>> 1) | (this.#high << 31)) ^ flip;
    pair[HIGH] = (this.#high >>> 1) ^ flip;
    return signed[0]!;
  }

  fixed64(): bigint {
    this.#word();
    pair[LOW] = this.#low;
    pair[HIGH] = this.#high;
    return whole[0]!;
  }

  /** Eight little-endian bytes into the two halves. */
  #word(): void {
    const { bytes, at } = this;
    if (bytes.length - at < 8) throw this.corrupt('a fixed64 is cut short');
    this.#low = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
    this.#high = (bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24)) >>> 0;
    this.at = at + 8;
  }

  /** A length, and the end of the bytes it announces; those must lie before `end`. */
  lengthDelimited(end: number): number {
    const start = this.at;
    this.#varint();
    if (this.#high !== 0 || this.#low > end - this.at) throw this.corrupt(`${this.#high * 0x1_0000_0000 + this.#low} bytes are announced, ${Math.max(0, end - this.at)} are there`, start);
    return this.at + this.#low;
  }

  /** Passes over a value of a field nobody knows. */
  skip(wireType: number, end: number): void {
    if (wireType === 0) this.#varint();
    else if (wireType === 1) this.#pass(8, end);
    else if (wireType === 2) this.at = this.lengthDelimited(end);
    else if (wireType === 5) this.#pass(4, end);
    else throw this.corrupt(`wire type ${wireType} is not in use`);
  }

  #pass(length: number, end: number): void {
    if (end - this.at < length) throw this.corrupt('a fixed-size field is cut short');
    this.at += length;
  }
}
