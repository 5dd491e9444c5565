import { decodeBase64, encodeBase64 } from '../json/bytes-text.js';
import { JsonInvalid } from '../json/json-invalid.js';
import type { JsonObject, JsonValue } from '../json/json-text.js';
import { arrayAt, objectAt } from '../json/message-json.js';
import { aligned, attributesFromJson, attributesToJson, concat } from './netlink-attributes.js';
import { FAMILIES, MESSAGES } from './netlink-schema.js';
import type { HeadField, MessageSchema } from './netlink-schema.js';

/**
 * Netlink messages one behind the other (struct nlmsghdr), as `ip … save` and dumps of conntrack write them, from and to
 * JSON. A message that would not come back the same is `{ "bytes": base64 }`.
 */

const NLMSG_HEADER = 16;

export interface NetlinkMessage {
  readonly type: string;
  readonly head: Readonly<Record<string, JsonValue>>;
  readonly attributes: JsonObject;
}

/** The messages as bytes, each with its padding; undefined where these bytes are none. */
export function splitMessages(bytes: Uint8Array, little: boolean): Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + NLMSG_HEADER <= bytes.length ? view.getUint32(at, little) : 0;
    if (length < NLMSG_HEADER || at + aligned(length) > bytes.length) return undefined;
    messages.push(bytes.subarray(at, at + aligned(length)));
    at += aligned(length);
  }
  return messages;
}

export function messageToJson(bytes: Uint8Array, little: boolean): JsonObject {
  const json = typedMessage(bytes, little);
  const back = json && messageFromJson(json, 'message', little);
  return json !== undefined && back?.length === bytes.length && back.every((byte, i) => byte === bytes[i]) ? json : { bytes: encodeBase64(bytes) };
}

function typedMessage(bytes: Uint8Array, little: boolean): JsonObject | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, little);
  const found = MESSAGES[view.getUint16(4, little)];
  if (found === undefined || length > bytes.length) return undefined;
  const [type, { head, table }] = found;
  const json: JsonObject = { type, flags: view.getUint16(6, little), seq: view.getUint32(8, little), pid: view.getUint32(12, little) };
  let at = NLMSG_HEADER;
  for (const [name, kind] of head) {
    if (at + sizeOf(kind) > length) return undefined;
    const value = kind === 'u8' ? view.getUint8(at) : kind === 'u32' ? view.getUint32(at, little) : view.getUint16(at, false);
    json[name] = name === 'family' ? (FAMILIES[value] ?? value) : value;
    at += sizeOf(kind);
  }
  const attributes = attributesToJson(bytes.subarray(at, length), table, little);
  return attributes && { ...json, attributes };
}

const sizeOf = (kind: HeadField[1]): number => ({ u8: 1, u32: 4, be16: 2 })[kind];

/** @throws JsonInvalid */
export function messageFromJson(json: JsonValue, at: string, little: boolean): Uint8Array {
  const object = objectAt(json, at);
  if (typeof object.bytes === 'string') {
    const bytes = decodeBase64(object.bytes);
    if (bytes === undefined) throw new JsonInvalid(`${at}.bytes`, 'expected base64');
    return bytes;
  }
  const found = Object.entries(MESSAGES).find(([, [name]]) => name === object.type);
  if (found === undefined) throw new JsonInvalid(`${at}.type`, `expected one of ${Object.values(MESSAGES).map(([name]) => name).join(', ')}`);
  const [number, [, schema]] = found;
  const attributes = attributesFromJson(object.attributes, schema.table, little);
  if (attributes === undefined) throw new JsonInvalid(`${at}.attributes`, `expected attributes of ${found[1][0]}`);
  const head = headFromJson(object, schema, at, little);
  const length = NLMSG_HEADER + head.length + attributes.length;
  const header = new Uint8Array(NLMSG_HEADER);
  const view = new DataView(header.buffer);
  view.setUint32(0, length, little);
  view.setUint16(4, Number(number), little);
  view.setUint16(6, whole(object.flags, 0xffff, `${at}.flags`), little);
  view.setUint32(8, whole(object.seq, 0xffff_ffff, `${at}.seq`), little);
  view.setUint32(12, whole(object.pid, 0xffff_ffff, `${at}.pid`), little);
  const message = concat([header, head, attributes]);
  return message.length === aligned(message.length) ? message : concat([message, new Uint8Array(aligned(message.length) - message.length)]);
}

function headFromJson(object: JsonObject, { head }: MessageSchema, at: string, little: boolean): Uint8Array {
  const bytes = new Uint8Array(head.reduce((sum, [, kind]) => sum + sizeOf(kind), 0));
  const view = new DataView(bytes.buffer);
  let where = 0;
  for (const [name, kind] of head) {
    const family = name === 'family' ? Object.entries(FAMILIES).find(([, text]) => text === object[name])?.[0] : undefined;
    const value = family === undefined ? whole(object[name], 256 ** sizeOf(kind) - 1, `${at}.${name}`) : Number(family);
    if (kind === 'u8') view.setUint8(where, value);
    else if (kind === 'u32') view.setUint32(where, value, little);
    else view.setUint16(where, value, false);
    where += sizeOf(kind);
  }
  return bytes;
}

function whole(json: JsonValue | undefined, max: number, at: string): number {
  if (typeof json !== 'number' || !Number.isInteger(json) || json < 0 || json > max) throw new JsonInvalid(at, `expected a number up to ${max}`);
  return json;
}

/** @throws JsonInvalid */
export const messagesFromJson = (json: JsonValue | undefined, at: string, little: boolean): Uint8Array => concat(arrayAt(json, at).map((message, i) => messageFromJson(message, `${at}[${i}]`, little)));
