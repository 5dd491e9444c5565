import { IMAGE_TYPES, IMG_COMMON, IMG_SERVICE } from './image-types.js';
import type { ByteSource } from './io/directory.js';
import { ByteCursor, swapped } from './io/cursor.js';
import type { EntryPart, ImageType } from './layout.js';
import { located } from './payloads.js';

/** An entry whose payload was not read: where it lies in the file. */
export interface ScannedEntry {
  readonly message: object;
  /** bytes from the file's beginning */
  readonly payloadOffset: number;
  /** bytes, without padding; 0 where nothing follows */
  readonly payloadLength: number;
}

/** With one of these every image begins; the inventory has only its own. */
const FIRST_WORDS: readonly number[] = [IMG_COMMON, IMG_SERVICE, IMAGE_TYPES.inventory.words[0]!];

/** The first word; from it on, the cursor reads in the file's byte order, which is that of the machine that dumped. */
export function readFirstWord(cursor: ByteCursor): number {
  const first = cursor.u32('first word');
  cursor.bigEndian = FIRST_WORDS.includes(swapped(first));
  return cursor.bigEndian ? swapped(first) : first;
}

/** Whether an image was written by a big-endian machine (s390x). @throws ImageCorrupt where there is no word */
export function isBigEndianImage(source: ByteSource): boolean {
  const cursor = new ByteCursor(source);
  readFirstWord(cursor);
  return cursor.bigEndian;
}

/** Reads an image from its beginning, entry by entry, without holding more of it than one entry. */
export class ImageReader<Entry> {
  readonly type: ImageType<Entry>;
  readonly #cursor: ByteCursor;
  #begun = false;

  /** @throws ImageCorrupt where the file does not begin with the kind's words */
  constructor(type: ImageType<Entry>, source: ByteSource) {
    this.type = type;
    this.#cursor = new ByteCursor(source);
    this.#checkWords();
  }

  /** The image is of a big-endian machine (s390x). */
  get bigEndian(): boolean {
    return this.#cursor.bigEndian;
  }

  #checkWords(): void {
    const { words, kind } = this.type;
    const first = readFirstWord(this.#cursor);
    // Images of version 1.0 have no common word (crit reads them too).
    const expected = first === IMG_COMMON || first === IMG_SERVICE ? words : words.slice(-1);
    expected.forEach((word, i) => {
      const found = i === 0 ? first : this.#cursor.u32('second word');
      if (found !== word) throw this.#cursor.corrupt(`the word is 0x${found.toString(16)}, a ${kind} image has 0x${word.toString(16)}`, i * 4);
    });
  }

  /** bytes from the file's beginning: where the next entry lies */
  get offset(): number {
    return this.#cursor.offset;
  }

  /** How the next entry is made. */
  get part(): EntryPart {
    const { first, rest } = this.type.layout;
    return this.#begun ? rest : (first ?? rest);
  }

  /** Passes over entries that somebody else has read, so many bytes of them. @throws ImageCorrupt */
  pass(bytes: number): void {
    this.#cursor.skip(bytes, 'entries');
    this.#begun ||= bytes > 0;
  }

  /** All entries, or those that are left. @throws ImageCorrupt */
  *entries(): Generator<Entry, void, undefined> {
    for (const { part, message } of this.#messages()) {
      if (part.payload === undefined) {
        yield message as Entry;
        continue;
      }
      const payload = part.payload.read(this.#cursor, message);
      yield (payload === undefined ? { message } : { message, payload }) as Entry;
    }
  }

  /** All entries, passing over their payloads. */
  *scan(): Generator<ScannedEntry, void, undefined> {
    for (const { part, message } of this.#messages()) {
      const payloadOffset = this.#cursor.offset;
      const payloadLength = part.payload === undefined ? 0 : part.payload.skip(this.#cursor, message);
      yield { message, payloadOffset, payloadLength };
    }
  }

  *#messages(): Generator<{ part: EntryPart; message: object }, void, undefined> {
    while (this.#cursor.remaining > 0) {
      const { part } = this;
      const size = this.#cursor.u32(`size of ${part.message.name}`);
      const bytes = this.#cursor.take(size, part.message.name);
      let message: object;
      try {
        message = part.message.decode(bytes);
      } catch (error) {
        throw located(error, this.#cursor, size);
      }
      this.#begun = true;
      yield { part, message };
    }
  }
}
