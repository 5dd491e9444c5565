import { ImageReader, readFirstWord } from '../image-reader.js';
import { IMG_COMMON, IMG_SERVICE, imageTypeOfKind, imageTypeOfName, imageTypeOfWords } from '../image-types.js';
import { ImageWriter } from '../image-writer.js';
import { MemorySink } from '../io/directory.js';
import type { ByteSink, ByteSource } from '../io/directory.js';
import { ByteCursor } from '../io/cursor.js';
import { isRaw } from '../layout.js';
import type { AnyImageType, EntryPart, ImageType, RawImageType } from '../layout.js';
import { rawFromJson, rawToJson } from '../raw/raw-json.js';
import type { Gunzip } from '../raw/raw-json.js';
import { isBigEndian, turnedAddresses } from './byte-order.js';
import { JsonInvalid } from './json-invalid.js';
import { imageFromUsualText, usualEntries } from './usual-text.js';
import { jsonPieces, parseJson, writeJson } from './json-text.js';
import type { JsonObject, JsonValue, ReadyItems } from './json-text.js';
import { arrayAt, messageFromJson, messageToJson, objectAt } from './message-json.js';
import { payloadFromJson, payloadToJson, sizeText } from './payload-json.js';

/**
 * Images as `crit`'s JSON: { magic: kind, entries: [message, with "extra" for a payload] }.
 * Kinds that `crit` cannot show are { magic: kind } with `messages` (netlink dumps), `lines` (tables of iptables and nftables),
 * `members` (archives, beside `raw`), or with `raw` alone: base64.
 */

export interface JsonOptions {
  /** numbers as flags, names, addresses, hexadecimal; what is shown reads back all the same */
  readonly pretty?: boolean | undefined;
  /** sizes in place of payloads */
  readonly noPayload?: boolean | undefined;
  /** to list what is in an archive of a tmpfs; without it only its bytes are shown */
  readonly gunzip?: Gunzip | undefined;
}

/** The kind of a file: by its words, or by its name where it has none. Page contents have no JSON. @throws ImageCorrupt */
function typeOf(source: ByteSource): AnyImageType {
  const named = imageTypeOfName(source.name)?.type;
  if (named && isRaw(named) && named.holds !== 'pages') return named;
  const cursor = new ByteCursor(source);
  const first = readFirstWord(cursor);
  const second = (first === IMG_COMMON || first === IMG_SERVICE) && cursor.remaining >= 4 ? cursor.u32('second word') : undefined;
  return imageTypeOfWords(source.name, first, second);
}

/** @throws ImageCorrupt */
export function imageToJson(source: ByteSource, options: JsonOptions = {}): JsonObject {
  const type = typeOf(source);
  if (isRaw(type)) return rawImage(type, source, options);
  const reader = new ImageReader(type, source);
  return { ...headOf(reader), entries: [...entriesToJson(type, reader, options)] };
}

/** The same as text, in pieces: of an image of any size, a little is held. What comes before damage is given. @throws ImageCorrupt */
export function* imageToText(source: ByteSource, options: JsonOptions = {}, indent?: number): Generator<string, void, undefined> {
  const ascii = new TextDecoder();
  for (const piece of imageToPieces(source, options, indent)) yield typeof piece === 'string' ? piece : ascii.decode(piece);
}

/** As `imageToText`; a piece of bytes is ASCII, and to be used before anything else happens. @throws ImageCorrupt */
export function* imageToPieces(source: ByteSource, options: JsonOptions = {}, indent?: number): Generator<string | Uint8Array, void, undefined> {
  const type = typeOf(source);
  if (isRaw(type)) {
    yield writeJson(rawImage(type, source, options), indent);
    return;
  }
  const reader = new ImageReader(type, source);
  const { pretty = false, noPayload = false } = options;
  const items = entriesToJson(type, reader, options);
  const isPlain = !pretty && !noPayload && indent === undefined && !reader.bigEndian;
  yield* jsonPieces(headOf(reader), 'entries', isPlain ? usualFirst(reader, source, items) : items, indent);
}

function rawImage(type: RawImageType, source: ByteSource, { noPayload = false, gunzip }: JsonOptions): JsonObject {
  const json = rawToJson(type, source.read(0, source.size), gunzip);
  return noPayload && json.raw !== undefined ? { ...json, raw: sizeText(source.size) } : json;
}

/** What stands before the entries; of an image of a big-endian machine (s390x), that it is. */
function headOf({ type, bigEndian }: ImageReader<unknown>): JsonObject {
  return { magic: magicOf(type), ...(bigEndian ? { byteOrder: 'big' } : {}) };
}

/** All items: what is usual in its quick way, then what is left. */
function* usualFirst(reader: ImageReader<unknown>, source: ByteSource, items: Generator<JsonObject>): Generator<JsonObject | ReadyItems, void, undefined> {
  if (reader.type.layout.first !== undefined) {
    const first = items.next();
    if (first.done !== true) yield first.value;
  }
  yield* usualEntries(reader, source);
  yield* items;
}

const magicOf = (type: ImageType<unknown>): string => (type.kind === 'SHMEM_PAGEMAP' ? 'PAGEMAP' : type.kind);

function* entriesToJson(type: ImageType<unknown>, reader: ImageReader<unknown>, { pretty = false, noPayload = false }: JsonOptions): Generator<JsonObject, void, undefined> {
  const show = reader.bigEndian && pretty ? turnedAddresses : (json: JsonObject): JsonObject => json;
  let next = reader.part;
  for (const entry of noPayload ? reader.scan() : reader.entries()) {
    const part = next;
    next = type.layout.rest;
    if (part.payload === undefined && !noPayload) {
      yield show(messageToJson(part.message, entry as object, pretty));
      continue;
    }
    const { message, payload, payloadLength } = entry as { message: object; payload?: unknown; payloadLength?: number };
    const json = messageToJson(part.message, message, pretty);
    if (payload !== undefined) json.extra = payloadToJson(part.payload!, payload);
    // crit shows no size for ghost files in one piece, and none for chunks.
    else if (part.payload !== undefined && payloadLength !== undefined && type.kind !== 'GHOST_FILE') json.extra = sizeText(payloadLength);
    yield json;
  }
}

const partOf = (type: ImageType<unknown>, index: number): EntryPart => (index === 0 ? (type.layout.first ?? type.layout.rest) : type.layout.rest);

/** Kind and number of entries; a pagemap's head is not counted. @throws ImageCorrupt */
export function imageInfo(source: ByteSource): JsonObject {
  const type = typeOf(source);
  if (isRaw(type)) return { magic: type.kind, count: countIn(rawToJson(type, source.read(0, source.size))) };
  const scan = new ImageReader(type, source).scan();
  let count = 0;
  while (scan.next().done !== true) count++;
  const head = type.layout.first?.message.name === 'pagemap_head' ? 1 : 0;
  return { magic: magicOf(type), count: count - head };
}

const countIn = ({ messages, lines }: JsonObject): number => [messages, lines].find((list) => Array.isArray(list))?.length ?? 0;
/** The image, in pieces, that the text of JSON in UTF-8 describes. @throws JsonInvalid */
export function imageFromText(text: ByteSource): readonly Uint8Array[] {
  const usual = imageFromUsualText(text);
  if (usual !== undefined) return usual;
  const sink = new MemorySink('image');
  imageFromJson(parseJson(new TextDecoder().decode(text.read(0, text.size))), sink);
  return [sink.bytes()];
}

/** Writes the image that JSON describes. @throws JsonInvalid */
export function imageFromJson(json: JsonValue, sink: ByteSink): void {
  const image = objectAt(json, 'image');
  const { magic, entries } = image;
  const type = typeof magic === 'string' ? imageTypeOfKind(magic) : undefined;
  if (type === undefined) throw new JsonInvalid('magic', typeof magic === 'string' ? `'${magic}' is no kind of image` : 'expected the kind of image');
  if (isRaw(type)) {
    sink.write(rawFromJson(type, image));
    return;
  }
  const bigEndian = isBigEndian(image.byteOrder);
  const writer = new ImageWriter(type, sink, { bigEndian });
  arrayAt(entries, 'entries').forEach((entry, i) => {
    const at = `entries[${i}]`;
    const converted = entryFromJson(partOf(type, i), bigEndian ? turnedAddresses(objectAt(entry, at)) : entry, at);
    try {
      writer.write(converted);
    } catch (error) {
      // What the writer refuses came from the JSON: a number out of range, a payload of the wrong size.
      if (error instanceof TypeError || error instanceof RangeError) throw new JsonInvalid(at, error.message);
      throw error;
    }
  });
  writer.flush();
}

function entryFromJson(part: EntryPart, json: JsonValue, at: string): unknown {
  const { extra } = objectAt(json, at);
  const message = messageFromJson(part.message, json, at, 'extra');
  if (part.payload === undefined) {
    if (extra !== undefined) throw new JsonInvalid(`${at}.extra`, `nothing follows ${part.message.name}`);
    return message;
  }
  return extra === undefined ? { message } : { message, payload: payloadFromJson(part.payload, extra, `${at}.extra`) };
}

