import type { MessageType } from '../../message/message-type.js';
import { MESSAGE } from '../../message/field.js';
import { WireWriter } from '../../message/wire-writer.js';
import type { Random } from '../random.js';

const ODD_NUMBERS = [0n, 1n, 127n, 128n, 4096n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 52n, 2n ** 63n, 2n ** 64n - 1n];
const ODD_WORDS = [0, 1, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fffc, 0x1000, 0x10_0000, 0x4000_0000];

/** Bytes changed here and there: flipped, overwritten, cut, put in, put twice, a 32-bit word made odd. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated: Uint8Array = bytes.slice();
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (mutated.length === 0) return random.bytes(random.below(64));
    const at = random.below(mutated.length);
    const length = random.below(Math.min(64, mutated.length - at) + 1);
    const odd = random.of(ODD_WORDS);
    switch (random.below(8)) {
      case 0:
        mutated[at]! ^= 1 << random.below(8);
        break;
      case 1:
        mutated[at] = random.below(256);
        break;
      case 2:
        mutated = mutated.slice(0, at);
        break;
      case 3:
        mutated = spliced(mutated, at, length, new Uint8Array(0));
        break;
      case 4:
        mutated = spliced(mutated, at, 0, random.bytes(random.below(16)));
        break;
      case 5:
        mutated = spliced(mutated, at, 0, mutated.subarray(at, at + length));
        break;
      case 6:
        mutated.fill(random.of([0, 0xff]), at, at + length);
        break;
      default:
        for (let i = 0; i < 4 && at + i < mutated.length; i++) mutated[at + i] = odd >>> (8 * i);
    }
  }
  return mutated;
}

export function spliced(bytes: Uint8Array, at: number, remove: number, put: Uint8Array): Uint8Array {
  const joined = new Uint8Array(bytes.length - remove + put.length);
  joined.set(bytes.subarray(0, at));
  joined.set(put, at);
  joined.set(bytes.subarray(at + remove), at + put.length);
  return joined;
}

/** The same on text: JSON's own characters are the odd ones. */
export function mutateText(text: string, random: Random): string {
  let mutated = text;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(mutated.length + 1);
    const length = random.below(20);
    const put = random.of(['', '{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '\\ud800', '\u0000', 'null', 'true', '-', '1e999', '0.5', '99999999999999999999999', '"magic"', '"entries"', '"extra"', '[['.repeat(300), '{"a":'.repeat(300), mutated.slice(at, at + length)]);
    mutated = mutated.slice(0, at) + put + mutated.slice(at + (random.once(2) ? length : 0));
  }
  return mutated;
}

/**
 * A message of this type on the wire, not quite as it should be: fields out of order, twice, of a wrong wire type, unknown,
 * numbers too long, lengths that lie, nesting without end.
 */
export function oddWire(type: MessageType<object>, random: Random, depth = 0): Uint8Array {
  const writer = new WireWriter();
  const fields = random.once(3) ? [...type.fields].sort(() => random.below(3) - 1) : type.fields;
  for (const field of fields) {
    if (!field.required && !random.once(3)) continue;
    for (let times = random.once(8) ? random.below(5) : 1; times > 0; times--) {
      const isOdd = random.once(12);
      const wireType = isOdd ? random.below(8) : field.wireType;
      writer.tag(((random.once(40) ? random.below(2000) : field.no) << 3) | wireType);
      if (wireType === 2) {
        const content = field.type === MESSAGE && depth < 4 ? oddWire(field.message!(), random, depth + 1) : random.bytes(random.below(20));
        writer.uint64(random.once(30) ? random.of(ODD_NUMBERS) : BigInt(content.length));
        writer.bytes(content);
      } else if (wireType === 0) {
        if (random.once(60)) writer.bytes(new Uint8Array(random.below(14)).fill(0xff));
        writer.uint64(random.once(3) ? random.of(ODD_NUMBERS) : BigInt(random.below(300)));
      } else writer.bytes(random.bytes(wireType === 1 ? 8 : wireType === 5 ? 4 : random.below(3)));
    }
  }
  return writer.finish().slice();
}

/** A message in a message in a message … by the first field that may hold its own kind; undefined where there is none. */
export function deepWire(type: MessageType<object>, random: Random): Uint8Array | undefined {
  const field = type.fields.find((candidate) => candidate.type === MESSAGE && candidate.message!() === type) ?? type.fields.find((candidate) => candidate.type === MESSAGE && candidate.message!().fields.some((inner) => inner.type === MESSAGE && inner.message!() === candidate.message!()));
  if (field === undefined) return undefined;
  let bytes: Uint8Array = new Uint8Array(0);
  for (let depth = 20 + random.below(3000); depth > 0; depth--) {
    const writer = new WireWriter(16);
    writer.tag(field.tag);
    writer.uint32(bytes.length);
    writer.bytes(bytes);
    bytes = writer.finish();
  }
  return bytes.slice();
}
