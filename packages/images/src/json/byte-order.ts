import { swapped } from '../io/cursor.js';
import { readAddress, showAddress } from './ip-address.js';
import { JsonInvalid } from './json-invalid.js';
import type { JsonObject, JsonValue } from './json-text.js';

/** "byteOrder" of an image's JSON. @throws JsonInvalid */
export function isBigEndian(json: JsonValue | undefined): boolean {
  if (json !== undefined && json !== 'big') throw new JsonInvalid('byteOrder', 'it is "big", or left out');
  return json === 'big';
}

/** The fields with (criu).ipadd. */
const ADDRESSES: ReadonlySet<string> = new Set(['src_addr', 'dst_addr', 'local', 'remote', 'rd_prefix', 'relay_prefix']);

/**
 * Addresses shown as text from words of the other byte order: pretty JSON takes words as a little-endian machine has them.
 * Done twice, it changes nothing.
 */
export function turnedAddresses(json: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, ADDRESSES.has(key) ? turned(value) : turnedWithin(value)]));
}

function turnedWithin(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(turnedWithin);
  return typeof value === 'object' && value !== null ? turnedAddresses(value) : value;
}

function turned(value: JsonValue): JsonValue {
  const [first] = Array.isArray(value) ? value : [];
  const words = typeof first === 'string' ? readAddress(first) : undefined;
  return words === undefined ? value : [showAddress(words.map(swapped))!];
}
