import type { ByteSink } from './io/directory.js';
import type { EntryPart, ImageType } from './layout.js';
import { WireWriter } from './message/encode.js';
import { swapped } from './io/cursor.js';
import { writeBigSized } from './payloads.js';

/** What has gathered up to here goes out in one write. */
const FLUSH_AT = 64 * 1024;

/**
 * Writes an image, entry by entry. Dispose of it at the end: that writes the rest and closes the file.
 * For payloads too large to hold: `message()`, then `raw()` as often as needed.
 */
export class ImageWriter<Entry> implements Disposable {
  readonly type: ImageType<Entry>;
  readonly #sink: ByteSink;
  readonly #pending = new WireWriter();
  readonly #bigEndian: boolean;
  #part: EntryPart;

  /** @param options bigEndian: as a big-endian machine (s390x) writes it */
  constructor(type: ImageType<Entry>, sink: ByteSink, { bigEndian = false }: { readonly bigEndian?: boolean } = {}) {
    this.type = type;
    this.#sink = sink;
    this.#bigEndian = bigEndian;
    this.#part = type.layout.first ?? type.layout.rest;
    for (const word of type.words) this.#pending.fixed32(bigEndian ? swapped(word) : word);
  }

  /** @throws TypeError, RangeError where the entry is not one of this kind */
  write(entry: Entry): void {
    if (this.#part.payload === undefined) {
      this.message(entry as object);
      return;
    }
    const { message, payload } = entry as { message: object; payload?: unknown };
    const codec = this.#part.payload;
    this.message(message);
    codec.write(this.#pending, message, payload, this.#bigEndian);
    this.#flushIfFull();
  }

  /** Writes the message alone; its payload, where it has one, must follow by `raw()`, padding included. */
  message(message: object): void {
    if (this.#bigEndian) writeBigSized(this.#pending, this.#part.message.encode(message));
    else {
      const begin = this.#pending.beginSized();
      this.#part.message.encodeInto(message, this.#pending);
      this.#pending.endSized(begin);
    }
    this.#part = this.type.layout.rest;
    this.#flushIfFull();
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length < FLUSH_AT) {
      this.#pending.bytes(bytes);
      this.#flushIfFull();
      return;
    }
    this.flush();
    this.#sink.write(bytes);
  }

  #flushIfFull(): void {
    if (this.#pending.length >= FLUSH_AT) this.flush();
  }

  flush(): void {
    if (this.#pending.length > 0) this.#sink.write(this.#pending.finish());
    this.#pending.reset();
  }

  [Symbol.dispose](): void {
    try {
      this.flush();
    } finally {
      this.#sink[Symbol.dispose]();
    }
  }
}
