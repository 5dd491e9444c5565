import { ImageCorrupt } from './errors.js';
import { ImageReader } from './image-reader.js';
import type { ScannedEntry } from './image-reader.js';
import { ImageWriter } from './image-writer.js';
import type { ByteSink, ByteSource, ImageDirectory } from './io/directory.js';
import { fileName, idInName } from './layout.js';
import type { AnyImageType, ImageType, RawImageType } from './layout.js';

export type ImageId = number | bigint;

/**
 * The images of one checkpoint: typed reading and writing over a directory.
 * Open one on disk by `openImageSet` or `createImageSet` of `@criu-ts/images/node`.
 * Reading throws ImageCorrupt for whatever is not as the format says, a file that must be there included.
 */
export class ImageSet {
  readonly directory: ImageDirectory;

  constructor(directory: ImageDirectory) {
    this.directory = directory;
  }

  has(type: AnyImageType, id?: ImageId): boolean {
    return this.directory.has(fileName(type, id));
  }

  /** The ids for which there is a file of this kind, in increasing order. */
  ids(type: AnyImageType): bigint[] {
    return this.directory
      .list()
      .map((name) => idInName(type, name))
      .filter((id) => typeof id === 'bigint')
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  /** The file, open; @throws ImageCorrupt where there is none */
  source(type: AnyImageType, id?: ImageId): ByteSource {
    const name = fileName(type, id);
    const source = this.directory.open(name);
    if (source === undefined) throw new ImageCorrupt({ file: name, why: 'there is no such file' });
    return source;
  }

  /** All entries of a file. */
  read<Entry>(type: ImageType<Entry>, id?: ImageId): Entry[] {
    return [...this.entries(type, id)];
  }

  /** All entries; none where there is no such file (CRIU leaves out files that would be empty). */
  readIfPresent<Entry>(type: ImageType<Entry>, id?: ImageId): Entry[] {
    return this.has(type, id) ? this.read(type, id) : [];
  }

  /** The only entry of a file. @throws ImageCorrupt where there is none or another one follows */
  readOne<Entry>(type: ImageType<Entry>, id?: ImageId): Entry {
    const entries = this.read(type, id);
    if (entries.length !== 1) throw new ImageCorrupt({ file: fileName(type, id), why: `holds ${entries.length} entries instead of one` });
    return entries[0]!;
  }

  /** Entry by entry, without holding the file in memory. */
  *entries<Entry>(type: ImageType<Entry>, id?: ImageId): Generator<Entry, void, undefined> {
    using source = this.source(type, id);
    yield* new ImageReader(type, source).entries();
  }

  /** Entry by entry, with the place of each payload instead of the payload. */
  *scan(type: ImageType<unknown>, id?: ImageId): Generator<ScannedEntry, void, undefined> {
    using source = this.source(type, id);
    yield* new ImageReader(type, source).scan();
  }

  /** A whole file that is not made of messages. */
  readRaw(type: RawImageType, id?: ImageId): Uint8Array {
    using source = this.source(type, id);
    return source.read(0, source.size);
  }

  /** Writes a file of these entries. */
  write<Entry>(type: ImageType<Entry>, id: ImageId | undefined, entries: Iterable<Entry>): void {
    using writer = this.writer(type, id);
    for (const entry of entries) writer.write(entry);
  }

  /** A file to be written entry by entry; the caller disposes of it. */
  writer<Entry>(type: ImageType<Entry>, id?: ImageId): ImageWriter<Entry> {
    return new ImageWriter(type, this.directory.create(fileName(type, id)));
  }

  writeRaw(type: RawImageType, id: ImageId | undefined, bytes: Uint8Array): void {
    using sink = this.sink(type, id);
    sink.write(bytes);
  }

  /** A file to be written as bytes; the caller disposes of it. */
  sink(type: AnyImageType, id?: ImageId): ByteSink {
    return this.directory.create(fileName(type, id));
  }

  /** Makes everything written since the last call survive a power cut. */
  sync(): void {
    this.directory.sync();
  }
}
