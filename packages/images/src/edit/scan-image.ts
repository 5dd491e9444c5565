import type { ByteAccess } from '../access/byte-access.js';
import { ImageCorrupt } from '../errors.js';
import { ImageReader } from '../image-reader.js';
import { IMG_COMMON, IMG_SERVICE } from '../image-types.js';
import { ByteCursor } from '../io/cursor.js';
import type { ByteSource } from '../io/directory.js';
import { MemorySource } from '../io/directory.js';
import type { EntryPart, ImageType } from '../layout.js';
import { located } from '../payloads.js';

/** A message of an image, and where what follows it lies. */
export interface ScannedPart {
  readonly part: EntryPart;
  readonly message: object;
  /** bytes from the file's beginning */
  readonly payloadAt: number;
  /** of the payload without its padding */
  readonly payloadLength: number;
  /** where the next message begins */
  readonly end: number;
}

/** More than most messages have. */
const WINDOW = 64 * 1024;
/** No message of any image comes near it. */
const LARGEST_MESSAGE = 512 * 1024 * 1024;

/** A part of a file, as the whole: reading elsewhere finds the end of the file. */
class Window implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly at: number;
  readonly bytes: Uint8Array;

  constructor(access: ByteAccess, at: number, bytes: Uint8Array) {
    this.name = access.name;
    this.size = access.size;
    this.at = at;
    this.bytes = bytes;
  }

  read(offset: number, length: number): Uint8Array {
    return offset < this.at ? new Uint8Array(0) : this.bytes.subarray(offset - this.at, offset - this.at + length);
  }

  readInto(target: Uint8Array, offset: number): number {
    const bytes = this.read(offset, target.length);
    target.set(bytes);
    return bytes.length;
  }

  [Symbol.dispose](): void {}
}

/** The entries of an image without their payloads, however large those are. @throws ImageCorrupt */
export async function* scanImage(access: ByteAccess, type: ImageType<unknown>): AsyncGenerator<ScannedPart, void, undefined> {
  const load = async (at: number, length: number): Promise<Window> => new Window(access, at, await access.read(at, length));
  let window = await load(0, WINDOW);
  // It looks at the words.
  new ImageReader(type, new MemorySource(access.name, window.bytes.subarray(0, 8)));
  const first = new DataView(window.bytes.buffer, window.bytes.byteOffset).getUint32(0, true);
  let at = first === IMG_COMMON || first === IMG_SERVICE ? 4 * type.words.length : 4;
  let part = type.layout.first ?? type.layout.rest;
  while (at < access.size) {
    // The headers of queued messages lie among the payload: that is small, and read whole.
    const ahead = part.payload?.shape === 'messages' ? Math.min(access.size - at, LARGEST_MESSAGE) : WINDOW;
    const has = (length: number): boolean => window.at <= at && at + Math.min(length, access.size - at) <= window.at + window.bytes.length;
    if (!has(Math.min(ahead, 4096))) window = await load(at, ahead);
    const size = cursorAt(window, at).u32(`size of ${part.message.name}`);
    if (size > LARGEST_MESSAGE) throw new ImageCorrupt({ file: access.name, offset: at, why: `${part.message.name} of ${size} bytes` });
    if (!has(4 + size)) window = await load(at, Math.max(ahead, 4 + size));
    const cursor = cursorAt(window, at + 4);
    const bytes = cursor.take(size, part.message.name);
    let message: object;
    try {
      message = part.message.decode(bytes);
    } catch (error) {
      throw located(error, cursor, size);
    }
    const payloadAt = at + 4 + size;
    const payloadLength = part.payload?.skip(cursor, message) ?? 0;
    yield { part, message, payloadAt, payloadLength, end: cursor.offset };
    at = cursor.offset;
    part = type.layout.rest;
  }
}

function cursorAt(source: ByteSource, at: number): ByteCursor {
  const cursor = new ByteCursor(source);
  cursor.skip(at, 'what comes before');
  return cursor;
}
