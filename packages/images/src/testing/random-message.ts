import { BOOL, BYTES, ENUM, FIXED64, INT32, INT64, MESSAGE, SINT32, SINT64, STRING, UINT64 } from '../message/field.js';
import type { Field } from '../message/description.js';
import type { MessageType } from '../message/message-type.js';
import { decodeText } from '../message/text.js';
import type { Random } from './random.js';

const EDGES = [0n, 1n, 127n, 128n, 9_999_999n, 99_999_999n, 100_000_000n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 10n ** 16n - 1n, 10n ** 16n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
const SIGNED = new Set([INT64, SINT64]);
const WIDE = new Set([UINT64, INT64, SINT64, FIXED64]);

/** A message of this type, with values that are odd more often than real ones are. */
export function randomMessage(type: MessageType<object>, random: Random, depth = 0): object {
  const message: Record<string, unknown> = {};
  for (const field of type.fields) {
    if (field.repeated) {
      const isDeep = field.type === MESSAGE && depth > 2;
      message[field.key] = Array.from({ length: isDeep || random.once(2) ? 0 : random.below(4) }, () => randomValue(field, random, depth));
    } else if (field.required || (random.once(2) && !(field.type === MESSAGE && depth > 2))) message[field.key] = randomValue(field, random, depth);
  }
  return message;
}

function randomValue(field: Field, random: Random, depth: number): unknown {
  if (field.type === MESSAGE) return randomMessage(field.message!(), random, depth + 1);
  if (field.type === BOOL) return random.once(2);
  if (field.type === BYTES) return random.bytes(random.of([0, 1, 2, 3, 56, 57, 58, 200]));
  if (field.type === STRING) return randomText(random);
  if (field.type === ENUM && !random.once(4)) return random.of(Object.values(field.values!));
  const value = random.once(2) ? random.of(EDGES) : (BigInt(random.word()) << BigInt(random.below(33))) >> BigInt(random.below(33));
  if (WIDE.has(field.type)) return SIGNED.has(field.type) ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  const isSigned = field.type === INT32 || field.type === SINT32 || field.type === ENUM;
  return Number(isSigned ? BigInt.asIntN(32, value) : BigInt.asUintN(32, value));
}

/** Paths mostly; some with what JSON escapes, some that are not UTF-8. */
function randomText(random: Random): string {
  if (random.once(2)) return random.of(['', '/', '/usr/lib/x86_64-linux-gnu/libc.so.6', 'a"b\\c\n\t\u0001\u007f', '/tmp/ä€😀/x', '/dev/zero (deleted)']);
  const bytes = random.bytes(random.below(12));
  return decodeText(bytes, 0, bytes.length);
}
