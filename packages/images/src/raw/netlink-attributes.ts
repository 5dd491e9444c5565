import { readAddress, showAddress } from '../json/ip-address.js';
import { decodeBase64, encodeBase64 } from '../json/bytes-text.js';
import type { JsonObject, JsonValue } from '../json/json-text.js';
import { ROUTE } from './netlink-schema.js';
import type { AttributeTable, ValueKind } from './netlink-schema.js';

/** Attributes of netlink (struct nlattr) from and to JSON. What does not come back the same is `{ "bytes": base64 }`. */

const NLA_HEADER = 4;
const NLA_F_NESTED = 0x8000;

/** Not by bits: a length that a damaged file tells may have 32. */
export const aligned = (size: number): number => Math.ceil(size / 4) * 4;

/** undefined where these bytes are no attributes, or one of them comes twice */
export function attributesToJson(bytes: Uint8Array, table: AttributeTable, little: boolean): JsonObject | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const json: JsonObject = {};
  for (let at = 0; at < bytes.length; ) {
    if (at + NLA_HEADER > bytes.length) return undefined;
    const [length, type] = [view.getUint16(at, little), view.getUint16(at + 2, little)];
    if (length < NLA_HEADER || at + length > bytes.length) return undefined;
    const { name, kind } = known(type, table);
    if (Object.hasOwn(json, name)) return undefined;
    json[name] = valueToJson(bytes.subarray(at + NLA_HEADER, at + length), kind, little);
    at += aligned(length);
  }
  return json;
}

/** An attribute with a flag that the table does not expect is shown by its whole number. */
function known(type: number, table: AttributeTable): { name: string; kind: ValueKind } {
  const found = table.attributes[type & ~NLA_F_NESTED];
  if (found !== undefined && ((type & NLA_F_NESTED) !== 0) === isFlagged(found[1])) return { name: found[0], kind: found[1] };
  return { name: `attribute ${type}`, kind: 'bytes' };
}

const isFlagged = (kind: ValueKind): boolean => typeof kind === 'object' && kind.flagged;

const same = (a: Uint8Array | undefined, b: Uint8Array): boolean => a?.length === b.length && a.every((byte, i) => byte === b[i]);

function valueToJson(bytes: Uint8Array, kind: ValueKind, little: boolean): JsonValue {
  if (kind === 'bytes') return encodeBase64(bytes);
  const json = typeof kind === 'object' ? attributesToJson(bytes, kind, little) : kind === 'nexthops' ? hopsToJson(bytes, little) : SCALARS[kind].toJson(bytes, little);
  return json !== undefined && same(valueFromJson(json, kind, little), bytes) ? json : { bytes: encodeBase64(bytes) };
}

/** undefined where the JSON does not describe any */
export function attributesFromJson(json: JsonValue | undefined, table: AttributeTable, little: boolean): Uint8Array | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const parts: Uint8Array[] = [];
  for (const [name, value] of Object.entries(json)) {
    const found = numbered(name, table);
    const bytes = found && valueFromJson(value, found.kind, little);
    if (bytes === undefined || bytes.length + NLA_HEADER > 0xffff) return undefined;
    const part = new Uint8Array(aligned(NLA_HEADER + bytes.length));
    const view = new DataView(part.buffer);
    view.setUint16(0, NLA_HEADER + bytes.length, little);
    view.setUint16(2, found!.type, little);
    part.set(bytes, NLA_HEADER);
    parts.push(part);
  }
  return concat(parts);
}

function numbered(name: string, table: AttributeTable): { type: number; kind: ValueKind } | undefined {
  const [, number] = /^attribute (\d{1,5})$/.exec(name) ?? [];
  if (number !== undefined) return Number(number) > 0xffff ? undefined : { type: Number(number), kind: 'bytes' };
  const found = Object.entries(table.attributes).find(([, [known]]) => known === name);
  return found && { type: Number(found[0]) | (isFlagged(found[1][1]) ? NLA_F_NESTED : 0), kind: found[1][1] };
}

function valueFromJson(json: JsonValue, kind: ValueKind, little: boolean): Uint8Array | undefined {
  if (typeof json === 'object' && json !== null && !Array.isArray(json) && typeof json.bytes === 'string') return decodeBase64(json.bytes);
  if (kind === 'bytes') return typeof json === 'string' ? decodeBase64(json) : undefined;
  if (kind === 'nexthops') return hopsFromJson(json, little);
  return typeof kind === 'object' ? attributesFromJson(json, kind, little) : SCALARS[kind].fromJson(json, little);
}

const HOP_HEADER = 8;

function hopsToJson(bytes: Uint8Array, little: boolean): JsonValue[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hops: JsonValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = at + HOP_HEADER <= bytes.length ? view.getUint16(at, little) : 0;
    const attributes = length < HOP_HEADER || at + length > bytes.length ? undefined : attributesToJson(bytes.subarray(at + HOP_HEADER, at + length), ROUTE, little);
    if (attributes === undefined) return undefined;
    hops.push({ flags: bytes[at + 2]!, hops: bytes[at + 3]!, ifindex: view.getUint32(at + 4, little), attributes });
    at += aligned(length);
  }
  return hops;
}

function hopsFromJson(json: JsonValue, little: boolean): Uint8Array | undefined {
  if (!Array.isArray(json)) return undefined;
  const parts = json.map((hop) => {
    if (typeof hop !== 'object' || hop === null || Array.isArray(hop)) return undefined;
    const attributes = attributesFromJson(hop.attributes, ROUTE, little);
    const fields = [attributes && numberBytes(HOP_HEADER + attributes.length, 2, little), numberBytes(hop.flags ?? 0, 1, little), numberBytes(hop.hops ?? 0, 1, little), numberBytes(hop.ifindex ?? 0, 4, little), attributes];
    return fields.includes(undefined) ? undefined : concat(fields as Uint8Array[]);
  });
  return parts.includes(undefined) ? undefined : concat(parts as Uint8Array[]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

interface Scalar {
  readonly toJson: (bytes: Uint8Array, little: boolean) => JsonValue | undefined;
  readonly fromJson: (json: JsonValue, little: boolean) => Uint8Array | undefined;
}

/** A whole number of `size` bytes, most significant first where `network` says so. */
function whole(size: 1 | 2 | 4 | 8, network = false): Scalar {
  return {
    toJson: (bytes, little) => (bytes.length === size ? numberIn(bytes, little && !network) : undefined),
    fromJson: (json, little) => numberBytes(json, size, little && !network),
  };
}

function numberIn(bytes: Uint8Array, little: boolean): JsonValue {
  let value = 0n;
  for (const byte of little ? [...bytes].reverse() : bytes) value = (value << 8n) | BigInt(byte);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function numberBytes(json: JsonValue, size: number, little: boolean): Uint8Array | undefined {
  if (typeof json !== 'bigint' && !(typeof json === 'number' && Number.isInteger(json))) return undefined;
  let value = BigInt(json);
  if (value < 0n || value >> BigInt(8 * size) !== 0n) return undefined;
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++, value >>= 8n) bytes[little ? i : size - 1 - i] = Number(value & 0xffn);
  return bytes;
}

/** Any number of them. */
function list(size: 2 | 4): Scalar {
  return {
    toJson: (bytes, little) => (bytes.length % size === 0 ? Array.from({ length: bytes.length / size }, (_, i) => numberIn(bytes.subarray(i * size, (i + 1) * size), little)) : undefined),
    fromJson(json, little) {
      const parts = Array.isArray(json) ? json.map((value) => numberBytes(value, size, little)) : [undefined];
      return parts.includes(undefined) ? undefined : concat(parts as Uint8Array[]);
    },
  };
}

// Addresses lie in network order on any machine: the words are those that a little-endian one would read.
const wordsOf = (bytes: Uint8Array): number[] => Array.from({ length: bytes.length >> 2 }, (_, i) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * i, true));
const ip: Scalar = {
  toJson: (bytes) => (bytes.length === 4 || bytes.length === 16 ? showAddress(wordsOf(bytes)) : undefined),
  fromJson(json) {
    const words = typeof json === 'string' ? readAddress(json) : undefined;
    return words && concat(words.map((word) => numberBytes(word, 4, true)!));
  },
};

const text: Scalar = {
  toJson(bytes) {
    try {
      return bytes.at(-1) === 0 ? new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, -1)) : undefined;
    } catch {
      return undefined;
    }
  },
  fromJson: (json) => (typeof json === 'string' ? new TextEncoder().encode(`${json}\0`) : undefined),
};

const SCALARS: Readonly<Record<Exclude<ValueKind, AttributeTable | 'bytes' | 'nexthops'>, Scalar>> = {
  u8: whole(1),
  u16: whole(2),
  u32: whole(4),
  be16: whole(2, true),
  be32: whole(4, true),
  be64: whole(8, true),
  u16s: list(2),
  u32s: list(4),
  ip,
  text,
};
