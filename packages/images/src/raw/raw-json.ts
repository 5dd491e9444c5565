import { isBigEndian } from '../json/byte-order.js';
import { encodeBase64 } from '../json/bytes-text.js';
import { JsonInvalid } from '../json/json-invalid.js';
import type { JsonObject, JsonValue } from '../json/json-text.js';
import { arrayAt, base64At } from '../json/message-json.js';
import type { RawImageType } from '../layout.js';
import { listTar } from './tar-list.js';
import { messageToJson, messagesFromJson, splitMessages } from './netlink-stream.js';
import { concat } from './netlink-attributes.js';

/**
 * Images that are not made of messages, as JSON: netlink messages with their attributes, the lines of a text, the members of
 * an archive beside its bytes. Whatever would not come back byte for byte is `{ "magic", "raw" }`, all of it in base64.
 */

/** Unpacks gzip; undefined where the bytes are none, or unpack to more than it is willing to hold. */
export type Gunzip = (bytes: Uint8Array) => Uint8Array | undefined;

/** First words of what `ip address save`, `ip route save` and `ip rule save` write (iproute2, ip/ipaddress.c, iproute.c, iprule.c). */
const STREAM_WORDS: Readonly<Record<string, number>> = { IFADDR: 0x4736_1222, ROUTE: 0x4531_1224, ROUTE6: 0x4531_1224, RULE: 0x7170_6986 };

export function rawToJson(type: RawImageType, bytes: Uint8Array, gunzip?: Gunzip): JsonObject {
  const raw = (): JsonObject => ({ magic: type.kind, raw: encodeBase64(bytes) });
  switch (type.holds) {
    case 'text':
      return textToJson(type.kind, bytes) ?? raw();
    case 'rtnetlink':
    case 'ctnetlink':
      return netlinkToJson(type.kind, bytes) ?? raw();
    case 'tar.gz': {
      const unpacked = gunzip?.(bytes);
      const members = unpacked && listTar(unpacked);
      return members === undefined ? raw() : { magic: type.kind, members: members.map((member) => ({ ...member })), raw: encodeBase64(bytes) };
    }
    case 'pages':
      return raw();
  }
}

/** @throws JsonInvalid */
export function rawFromJson(type: RawImageType, json: JsonObject): Uint8Array {
  if (json.raw !== undefined) return base64At(json.raw, 'raw');
  if (type.holds === 'text') return new TextEncoder().encode(arrayAt(json.lines, 'lines').map((line, i) => lineAt(line, `lines[${i}]`)).join(''));
  if (type.holds !== 'rtnetlink' && type.holds !== 'ctnetlink') throw new JsonInvalid('raw', `a ${type.kind} image needs it`);
  const little = !isBigEndian(json.byteOrder);
  const messages = messagesFromJson(json.messages, 'messages', little);
  return concat([wordBytes(STREAM_WORDS[type.kind], little), messages]);
}

function textToJson(magic: string, bytes: Uint8Array): JsonObject | undefined {
  if (bytes.length > 0 && bytes.at(-1) !== 0x0a) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { magic, lines: text.split('\n').slice(0, -1) };
  } catch {
    return undefined;
  }
}

function lineAt(line: JsonValue, at: string): string {
  if (typeof line !== 'string') throw new JsonInvalid(at, 'expected text');
  return `${line}\n`;
}

function netlinkToJson(magic: string, bytes: Uint8Array): JsonObject | undefined {
  const stream = openStream(magic, bytes);
  const messages = stream && splitMessages(stream.messages, stream.little);
  if (messages === undefined) return undefined;
  return { magic, ...(stream!.little ? {} : { byteOrder: 'big' }), messages: messages.map((message) => messageToJson(message, stream!.little)) };
}

/** The byte order, told by the first word, or where there is none by the first length; and what follows. */
function openStream(magic: string, bytes: Uint8Array): { little: boolean; messages: Uint8Array } | undefined {
  const word = STREAM_WORDS[magic];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (word === undefined) {
    const little = bytes.length < 4 || view.getUint32(0, true) <= view.getUint32(0, false);
    return { little, messages: bytes };
  }
  const little = [true, false].find((order) => bytes.length >= 4 && view.getUint32(0, order) === word);
  return little === undefined ? undefined : { little, messages: bytes.subarray(4) };
}

function wordBytes(word: number | undefined, little: boolean): Uint8Array {
  if (word === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, word, little);
  return bytes;
}
