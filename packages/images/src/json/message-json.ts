import { BOOL, BYTES, ENUM, FIXED64, INT64, MESSAGE, SINT64, STRING, UINT64 } from '../message/field.js';
import type { EnumValues, Field } from '../message/description.js';
import type { MessageType } from '../message/message-type.js';
import { decodeBase64, decodeQuotedPrintable, encodeBase64, encodeQuotedPrintable } from './bytes-text.js';
import { readNumber, showNumber } from './display.js';
import { readAddress, showAddress } from './ip-address.js';
import { JsonInvalid } from './json-invalid.js';
import type { JsonObject, JsonValue } from './json-text.js';

const IS_64_BIT = new Set([UINT64, INT64, SINT64, FIXED64]);
const NO_NUMBER = new Set([MESSAGE, BYTES, STRING, BOOL]);

/** As a number where it is one exactly. */
function number(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

/**
 * A message as `crit` shows it: fields by their names in the .proto file, in the order of their numbers, those that are
 * not set left out, enums by name, bytes as base64. `pretty` shows numbers as their display options ask.
 */
export function messageToJson(type: MessageType<object>, message: object, pretty: boolean, hexAbove = false): JsonObject {
  const json: JsonObject = {};
  for (const field of type.fields) {
    const value = (message as Record<string, unknown>)[field.key];
    if (value === undefined) continue;
    if (!field.repeated) {
      json[field.name] = valueToJson(field, value, pretty, hexAbove);
      continue;
    }
    const list = value as readonly unknown[];
    if (list.length === 0) continue;
    const address = pretty && field.display.ipadd ? showAddress(list as readonly number[]) : undefined;
    json[field.name] = address === undefined ? list.map((element) => valueToJson(field, element, pretty, hexAbove)) : [address];
  }
  return json;
}

function valueToJson(field: Field, value: unknown, pretty: boolean, hexAbove: boolean): JsonValue {
  switch (field.type) {
    case MESSAGE:
      return messageToJson(field.message!(), value as object, pretty, hexAbove || field.display.hex === true);
    case BYTES:
      return field.display.conv === 'unix_name' ? encodeQuotedPrintable(value as Uint8Array) : encodeBase64(value as Uint8Array);
    case ENUM:
      // A value without a name is shown as a number, which reads back.
      return enumName(field.values!, value as number) ?? (value as number);
    case STRING:
    case BOOL:
      return value as string | boolean;
    default:
      return (pretty ? showNumber(field.name, field.display, BigInt(value as number | bigint), hexAbove) : undefined) ?? number(value as number | bigint);
  }
}

const enumNames = new WeakMap<EnumValues, Map<number, string>>();

function enumName(values: EnumValues, value: number): string | undefined {
  let names = enumNames.get(values);
  if (names === undefined) {
    // The first name of a number counts.
    names = new Map(Object.entries(values).map(([name, number]) => [number, name] as const).reverse());
    enumNames.set(values, names);
  }
  return names.get(value);
}

const fieldNames = new WeakMap<MessageType<object>, Set<string>>();

function namesOf(type: MessageType<object>): Set<string> {
  let names = fieldNames.get(type);
  if (names === undefined) {
    names = new Set(type.fields.map((field) => field.name));
    fieldNames.set(type, names);
  }
  return names;
}

/** The message that JSON describes, pretty or not. @throws JsonInvalid; `at` says where in the JSON this is; `beside` is a key that is not the message's, and is passed over */
export function messageFromJson(type: MessageType<object>, json: JsonValue, at: string, beside?: string): object {
  const given = objectAt(json, at);
  const message: Record<string, unknown> = {};
  const names = namesOf(type);
  for (const key of Object.keys(given)) {
    if (!names.has(key) && key !== beside) throw new JsonInvalid(`${at}.${key}`, `${type.name} has no such field`);
  }
  for (const field of type.fields) {
    const value = given[field.name];
    if (value === undefined) {
      if (field.required) throw new JsonInvalid(`${at}.${field.name}`, `${type.name} needs this field`);
      if (field.repeated) message[field.key] = [];
    } else if (!field.repeated) message[field.key] = typeof value === 'number' ? plainNumber(field, value, at) : valueFromJson(field, value, `${at}.${field.name}`);
    else message[field.key] = listFromJson(field, value, `${at}.${field.name}`);
  }
  return message;
}

export function objectAt(json: JsonValue | undefined, at: string): JsonObject {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new JsonInvalid(at, 'expected an object');
  return json;
}

export function arrayAt(json: JsonValue | undefined, at: string): JsonValue[] {
  if (!Array.isArray(json)) throw new JsonInvalid(at, 'expected a list');
  return json;
}

export function base64At(json: JsonValue | undefined, at: string): Uint8Array {
  const bytes = typeof json === 'string' ? decodeBase64(json) : undefined;
  if (bytes === undefined) throw new JsonInvalid(at, 'expected base64');
  return bytes;
}

function listFromJson(field: Field, json: JsonValue, at: string): unknown[] {
  const list = arrayAt(json, at);
  const [first] = list;
  if (field.display.ipadd && typeof first === 'string') {
    const address = list.length === 1 ? readAddress(first) : undefined;
    if (address !== undefined) return address;
  }
  return list.map((element, i) => valueFromJson(field, element, `${at}[${i}]`));
}

function valueFromJson(field: Field, json: JsonValue, at: string): unknown {
  switch (field.type) {
    case MESSAGE:
      return messageFromJson(field.message!(), json, at);
    case BYTES: {
      if (field.display.conv !== 'unix_name') return base64At(json, at);
      const bytes = typeof json === 'string' ? decodeQuotedPrintable(json) : undefined;
      if (bytes === undefined) throw new JsonInvalid(at, 'expected quoted-printable text');
      return bytes;
    }
    case ENUM: {
      const named = typeof json === 'string' && Object.hasOwn(field.values!, json) ? field.values![json] : json;
      if (typeof named !== 'number') throw new JsonInvalid(at, `expected one of ${Object.keys(field.values!).join(', ')}`);
      return named;
    }
    case STRING:
      if (typeof json !== 'string') throw new JsonInvalid(at, 'expected a string');
      return json;
    case BOOL:
      if (typeof json !== 'boolean') throw new JsonInvalid(at, 'expected true or false');
      return json;
    default:
      return numberFromJson(field, json, at);
  }
}

/** A number where one belongs, which is the ordinary case; the place is only spelt out where it isn't. */
function plainNumber(field: Field, value: number, at: string): unknown {
  if (!Number.isInteger(value) || NO_NUMBER.has(field.type)) return valueFromJson(field, value, `${at}.${field.name}`);
  return IS_64_BIT.has(field.type) ? BigInt(value) : value;
}

function numberFromJson(field: Field, json: JsonValue, at: string): number | bigint {
  const value = typeof json === 'string' ? readNumber(field.name, field.display, json) : typeof json === 'bigint' ? json : typeof json === 'number' && Number.isInteger(json) ? BigInt(json) : undefined;
  if (value === undefined) throw new JsonInvalid(at, 'expected an integer');
  if (IS_64_BIT.has(field.type)) return value;
  return Number(value);
}
