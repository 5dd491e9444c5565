import { UNKNOWN_FIELDS } from './description.js';
import type { Field, MessageType } from './description.js';
import { BOOL, BYTES, ENUM, FIXED64, INT32, INT64, MESSAGE, SINT32, SINT64, STRING, UINT32, UINT64 } from './field.js';
import { encodeText } from './text.js';
import { WireWriter } from './wire-writer.js';

export { WireWriter };

type Values = Readonly<Record<string, unknown>> & { readonly [UNKNOWN_FIELDS]?: Uint8Array };

/** Appends the canonical encoding of `message`. @throws TypeError, RangeError naming the field */
export function encodeMessage(type: MessageType<object>, message: object, writer: WireWriter): void {
  const values = message as Values;
  for (const field of type.plan.fields) {
    const value = values[field.key];
    if (value === undefined) {
      if (field.required) throw new TypeError(`cannot encode ${type.name}: required field ${field.key} is not set`);
      continue;
    }
    try {
      if (!field.repeated) {
        writer.tag(field.tag);
        writeValue(field, value, writer);
      } else if (field.packed) {
        writePacked(field, value as readonly unknown[], writer);
      } else {
        const list = value as readonly unknown[];
        let begin = -1;
        for (let i = field.listFastPath?.encode(list as readonly object[], field.tag, writer) ?? 0; i < list.length; i++) {
          // One object many times in a row: most signal actions of a process are the default one.
          if (begin >= 0 && field.type === MESSAGE && list[i] === list[i - 1]) {
            begin = writer.again(begin);
            continue;
          }
          begin = writer.length;
          writer.tag(field.tag);
          writeValue(field, list[i], writer);
        }
      }
    } catch (error) {
      throw located(error, type, field);
    }
  }
  const unknown = values[UNKNOWN_FIELDS];
  if (unknown !== undefined) writer.bytes(unknown);
}

function writePacked(field: Field, list: readonly unknown[], writer: WireWriter): void {
  if (list.length === 0) return;
  writer.tag(field.tag);
  const begin = writer.beginLengthDelimited();
  for (const element of list) writeValue(field, element, writer);
  writer.endLengthDelimited(begin);
}

/** Names the field once, at the innermost level. */
function located(error: unknown, type: MessageType<object>, field: Field): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError) || error.message.startsWith('cannot encode ')) return error;
  const Same = error instanceof RangeError ? RangeError : TypeError;
  return new Same(`cannot encode ${type.name}.${field.key}: ${error.message}`, { cause: error });
}

function ranged(value: unknown, low: number, high: number): number {
  if (typeof value !== 'number') throw new TypeError(`expected a number, got ${describe(value)}`);
  if (!Number.isInteger(value) || value < low || value > high) throw new RangeError(`${value} is not an integer from ${low} to ${high}`);
  return value;
}

function unsigned64(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new TypeError(`expected a bigint, got ${describe(value)}`);
  if (BigInt.asUintN(64, value) !== value) throw new RangeError(`${value} is not an unsigned 64-bit number`);
  return value;
}

function signed64(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new TypeError(`expected a bigint, got ${describe(value)}`);
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not a signed 64-bit number`);
  return value;
}

const describe = (value: unknown): string => (value === null ? 'null' : typeof value);

function writeValue(field: Field, value: unknown, writer: WireWriter): void {
  switch (field.type) {
    case UINT64:
      writer.uint64(unsigned64(value));
      break;
    case UINT32:
      writer.uint32(ranged(value, 0, 0xffff_ffff));
      break;
    case MESSAGE: {
      if (typeof value !== 'object' || value === null) throw new TypeError(`expected a message, got ${describe(value)}`);
      const begin = writer.beginLengthDelimited();
      encodeMessage(field.message!(), value, writer);
      writer.endLengthDelimited(begin);
      break;
    }
    case INT32:
    case ENUM:
      writer.int32(ranged(value, -0x8000_0000, 0x7fff_ffff));
      break;
    case BOOL:
      if (typeof value !== 'boolean') throw new TypeError(`expected a boolean, got ${describe(value)}`);
      writer.uint32(value ? 1 : 0);
      break;
    case STRING: {
      if (typeof value !== 'string') throw new TypeError(`expected a string, got ${describe(value)}`);
      const bytes = encodeText(value);
      writer.uint32(bytes.length);
      writer.bytes(bytes);
      break;
    }
    case BYTES:
      if (!(value instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, got ${describe(value)}`);
      writer.uint32(value.length);
      writer.bytes(value);
      break;
    case SINT32: {
      const number = ranged(value, -0x8000_0000, 0x7fff_ffff);
      writer.uint32(((number << 1) ^ (number >> 31)) >>> 0);
      break;
    }
    case SINT64: {
      const number = signed64(value);
      writer.uint64(BigInt.asUintN(64, (number << 1n) ^ (number >> 63n)));
      break;
    }
    case INT64:
      writer.uint64(BigInt.asUintN(64, signed64(value)));
      break;
    case FIXED64:
      writer.fixed64(unsigned64(value));
      break;
    default:
      throw new TypeError(`no encoder for type ${field.type}`);
  }
}
