import { openMessageJson, threadMemory } from '@criu-ts/wasm';
import type { MessageJson } from '@criu-ts/wasm';
import type { ImageReader } from '../image-reader.js';
import { imageTypeOfKind } from '../image-types.js';
import type { ByteSource } from '../io/directory.js';
import { isRaw } from '../layout.js';
import type { EntryPart, ImageType } from '../layout.js';
import { tablesOf } from './field-tables.js';
import { ReadyItems } from './json-text.js';

/**
 * Images and their plain JSON straight from one to the other, in WebAssembly: for what comes by the thousands, entries of
 * pagemaps and mappings of an mm. It does what is usual, and leaves the rest, errors included, to the general way.
 */

/** Below, the general way is through before a module is compiled. Bytes. */
const WORTH_IT = 16 * 1024;
/** So much at a time, but an entry at least: what a cache holds. */
const WINDOW = 128 * 1024;
/** JSON that is no longer goes in one piece: where an entry ends is only known when it was read. */
const ONE_PIECE = 2 * 1024 * 1024;
/** Entries beyond are left to the general way: neither they nor their text are held twice. */
const MAX_WINDOW = 32 * 1024 * 1024;
const MAX_ROOM = 8 * MAX_WINDOW;
/** What an entry's text mostly is, at most, in sizes of the entry. */
const TEXT_RATIO = 6;

function codec(bytes: number): MessageJson | undefined {
  return bytes < WORTH_IT ? undefined : openMessageJson(threadMemory());
}

/** Reads entries as long as they are usual, and has the reader pass over them. */
export function* usualEntries(reader: ImageReader<unknown>, source: ByteSource): Generator<ReadyItems, void, undefined> {
  const { part } = reader;
  const door = part.payload === undefined ? codec(source.size - reader.offset) : undefined;
  if (door === undefined) return;
  const tables = tablesOf(part.message);
  let window = WINDOW;
  let room = TEXT_RATIO * WINDOW;
  while (reader.offset < source.size) {
    const entries = source.read(reader.offset, Math.min(window, source.size - reader.offset));
    const { consumed, output, status } = door.toJson(tables, entries, room);
    reader.pass(consumed);
    if (output.length > 0) yield new ReadyItems(output);
    if (status === 'unusual') return;
    if (consumed > 0) continue;
    // One entry is larger than all this.
    if (status === 'no-room') room *= 2;
    else if (entries.length === window) window = Math.max(2 * window, 4 + new DataView(entries.buffer, entries.byteOffset).getUint32(0, true));
    else return;
    room = Math.max(room, TEXT_RATIO * window);
    if (window > MAX_WINDOW || room > MAX_ROOM) return;
  }
}

/** What `crit` and we begin with, up to the list of entries. */
const HEAD = /^\s*\{\s*"magic"\s*:\s*"(\w+)"\s*,\s*"entries"\s*:\s*\[/;
const MAX_HEAD = 256;
/** entries, in one go */
const ALL = 0xffff_ffff;
/** What is behind the list. */
const TAIL = /^\s*\}\s*$/;

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** The image that JSON describes, in pieces; undefined where anything in it is not usual. */
export function imageFromUsualText(text: ByteSource): Uint8Array[] | undefined {
  const head = HEAD.exec(latin1(text.read(0, MAX_HEAD)));
  const type = head === null ? undefined : imageTypeOfKind(head[1]!);
  if (head === null || type === undefined || isRaw(type) || type.layout.rest.payload !== undefined) return undefined;
  const door = codec(text.size);
  if (door === undefined) return undefined;
  const pieces = [Uint8Array.from(type.words.flatMap((word) => [word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, word >>> 24]))];
  const end = entriesFrom(door, type, text, head[0].length, pieces);
  return end !== undefined && text.size - end <= MAX_HEAD && TAIL.test(latin1(text.read(end, MAX_HEAD))) ? pieces : undefined;
}

/** Where the list of entries ends; undefined where it is not usual. */
function entriesFrom(door: MessageJson, type: ImageType<unknown>, text: ByteSource, begin: number, pieces: Uint8Array[]): number | undefined {
  let at = begin;
  let window = text.size > ONE_PIECE ? WINDOW : text.size;
  let room = window;
  let buffer = new Uint8Array(window);
  let part: EntryPart = type.layout.first ?? type.layout.rest;
  for (;;) {
    if (buffer.length < window) buffer = new Uint8Array(window);
    const json = buffer.subarray(0, text.readInto(buffer.subarray(0, Math.min(window, text.size - at)), at));
    const { consumed, output, status } = door.fromJson(tablesOf(part.message), json, at === begin, part === type.layout.first ? 1 : ALL, room);
    pieces.push(output.slice());
    at += consumed;
    if (status === 'ended') return at;
    if (consumed > 0) part = type.layout.rest;
    else if (status === 'no-room') room *= 2;
    // It may only be unusual because it is cut.
    else if (json.length === window) window *= 2;
    else return undefined;
    if (window > MAX_WINDOW || room > MAX_ROOM) return undefined;
  }
}
