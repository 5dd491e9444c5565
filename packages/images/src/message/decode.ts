import { UNKNOWN_FIELDS } from './description.js';
import type { Field, MessageType } from './description.js';
import { BOOL, BYTES, ENUM, FIXED64, INT32, INT64, MESSAGE, SINT32, SINT64, STRING, UINT32, UINT64 } from './field.js';
import { decodeText } from './text.js';
import type { WireReader } from './wire-reader.js';

/** apparmor namespaces and cgroup directories nest as deep as the system had them; nothing real comes near. */
const MAX_DEPTH = 100;

type Values = Record<string, unknown> & { [UNKNOWN_FIELDS]?: Uint8Array };

/** Reads the message that ends at `end`. Equal neighbours in a list of messages may be one object. @throws ImageCorrupt */
export function decodeMessage(type: MessageType<object>, reader: WireReader, end: number, depth: number): object {
  if (depth > MAX_DEPTH) throw reader.corrupt(`messages are nested more than ${MAX_DEPTH} deep`);
  const { byNumber, repeated, requiredBits, requiredBeyond } = type.plan;
  const start = reader.at;
  const message: Values = {};
  for (const field of repeated) message[field.key] = [];
  let missing = requiredBits;
  while (reader.at < end) {
    const at = reader.at;
    const tag = reader.uint32();
    const wireType = tag & 7;
    const field = byNumber[tag >>> 3];
    if (field === undefined) {
      if (tag >>> 3 === 0) throw reader.corrupt(`${type.name} holds a field with the number 0`, at);
      reader.skip(wireType, end);
      keepUnknown(message, reader.bytes.subarray(at, reader.at));
    } else if (field.repeated) {
      const list = message[field.key] as unknown[];
      readRepeated(type, field, list, wireType, reader, end, depth, at);
      field.listFastPath?.decode(reader, field.tag, end, list as object[]);
    } else {
      if (wireType !== field.wireType) throw wrongWireType(type, field, wireType, reader, at);
      if (field.type === MESSAGE && message[field.key] !== undefined) throw reader.corrupt(`field ${field.name} of ${type.name} is there twice`, at);
      message[field.key] = readValue(field, reader, end, depth);
      missing &= ~field.requiredBit;
    }
  }
  if (reader.at !== end) throw reader.corrupt(`the last field of ${type.name} goes beyond its end`, end);
  if (missing !== 0 || requiredBeyond.length !== 0) checkRequired(type, message, reader, start);
  return message;
}

function checkRequired(type: MessageType<object>, message: Values, reader: WireReader, start: number): void {
  for (const field of type.plan.fields) {
    if (field.required && message[field.key] === undefined) throw reader.corrupt(`required field ${field.name} of ${type.name} is missing`, start);
  }
}

function wrongWireType(type: MessageType<object>, field: Field, wireType: number, reader: WireReader, at: number): Error {
  return reader.corrupt(`field ${field.name} of ${type.name} has wire type ${wireType}, not ${field.wireType}`, at);
}

/** A repeated field may come value by value or packed, whatever its declaration says (protobuf's encoding guide). */
function readRepeated(type: MessageType<object>, field: Field, list: unknown[], wireType: number, reader: WireReader, end: number, depth: number, at: number): void {
  if (wireType === field.wireType) {
    const value = readValue(field, reader, end, depth);
    list.push(value);
    // Equal ones in a row become one object: most signal actions of a process are the default one.
    if (field.type === MESSAGE) for (const length = reader.at - at; reader.skipRepetition(length, end);) list.push(value);
  } else if (wireType === 2) {
    const packedEnd = reader.lengthDelimited(end);
    while (reader.at < packedEnd) list.push(readValue(field, reader, packedEnd, depth));
    if (reader.at !== packedEnd) throw reader.corrupt(`the last value of ${field.name} of ${type.name} goes beyond its end`, packedEnd);
  } else throw wrongWireType(type, field, wireType, reader, at);
}

function readValue(field: Field, reader: WireReader, end: number, depth: number): unknown {
  switch (field.type) {
    case UINT64:
      return reader.uint64();
    case UINT32:
      return reader.uint32();
    case MESSAGE: {
      const messageEnd = reader.lengthDelimited(end);
      return decodeMessage(field.message!(), reader, messageEnd, depth + 1);
    }
    case INT32:
    case ENUM:
      return reader.int32();
    case BOOL:
      return reader.bool();
    case STRING: {
      const start = reader.lengthDelimited(end);
      const text = decodeText(reader.bytes, reader.at, start);
      reader.at = start;
      return text;
    }
    case BYTES: {
      const bytesEnd = reader.lengthDelimited(end);
      const bytes = reader.bytes.slice(reader.at, bytesEnd);
      reader.at = bytesEnd;
      return bytes;
    }
    case SINT32:
      return reader.sint32();
    case SINT64:
      return reader.sint64();
    case INT64:
      return reader.int64();
    case FIXED64:
      return reader.fixed64();
    default:
      throw new TypeError(`no decoder for type ${field.type}`);
  }
}

function keepUnknown(message: Values, bytes: Uint8Array): void {
  const before = message[UNKNOWN_FIELDS];
  if (before === undefined) {
    message[UNKNOWN_FIELDS] = bytes.slice();
    return;
  }
  const joined = new Uint8Array(before.length + bytes.length);
  joined.set(before);
  joined.set(bytes, before.length);
  message[UNKNOWN_FIELDS] = joined;
}
