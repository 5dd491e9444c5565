import { ImageCorrupt } from '../errors.js';
import { IMAGE_TYPES } from '../image-types.js';
import { ImageReader, isBigEndianImage } from '../image-reader.js';
import type { ImageId } from '../image-set.js';
import { MemorySource } from '../io/directory.js';
import { fileName, idInName } from '../layout.js';
import type { AnyImageType, ImageType } from '../layout.js';
import { decodePagemap } from '../pagemap/pagemap.js';
import type { Pagemap, PagemapType } from '../pagemap/pagemap.js';
import { mostReadWhole } from './image-files.js';
import type { ImageFiles, Limits } from './image-files.js';

/**
 * The images of one set, read when they are asked for. What is asked for often is kept: files.img and its like are read
 * once; images of a single process are read again, so that a thousand processes don't fill the memory.
 */
export class Images {
  readonly files: ImageFiles;
  readonly #limits: Limits;
  readonly #kept = new Map<string, Promise<readonly unknown[]>>();

  constructor(files: ImageFiles, limits: Limits) {
    this.files = files;
    this.#limits = limits;
  }

  has(type: AnyImageType, id?: ImageId): boolean {
    return this.files.open(fileName(type, id)) !== undefined;
  }

  /** The ids for which there is a file of this kind, in increasing order. */
  ids(type: AnyImageType): bigint[] {
    return this.files
      .list()
      .map((name) => idInName(type, name))
      .filter((id) => typeof id === 'bigint')
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  /** A whole file; undefined where there is none. @throws ImageCorrupt where it is larger than an image may be */
  async bytes(name: string): Promise<Uint8Array | undefined> {
    const access = this.files.open(name);
    if (access === undefined) return undefined;
    const most = mostReadWhole(access, this.#limits);
    if (access.size > most) throw new ImageCorrupt({ file: name, why: `the file has ${access.size} bytes, more than ${most} are not read at once` });
    const bytes = await access.read(0, access.size);
    if (!access.sequential) access.close();
    return bytes;
  }

  /** All entries; none where there is no such file. @throws ImageCorrupt */
  async read<Entry>(type: ImageType<Entry>, id?: ImageId): Promise<readonly Entry[]> {
    const name = fileName(type, id);
    if (id !== undefined) return this.#entries(name, type);
    const known = this.#kept.get(name) as Promise<readonly Entry[]> | undefined;
    if (known !== undefined) return known;
    const entries = this.#entries(name, type);
    this.#kept.set(name, entries);
    return entries;
  }

  async #entries<Entry>(name: string, type: ImageType<Entry>): Promise<Entry[]> {
    const bytes = await this.bytes(name);
    return bytes === undefined ? [] : [...new ImageReader(type, new MemorySource(name, bytes)).entries()];
  }

  /** The images are of a big-endian machine (s390x), as the inventory's first word tells. */
  async isBigEndian(): Promise<boolean> {
    const name = fileName(IMAGE_TYPES.inventory);
    const bytes = await this.bytes(name);
    return bytes !== undefined && bytes.length >= 4 && isBigEndianImage(new MemorySource(name, bytes));
  }

  /** The only entry of a file; undefined where there is no such file. @throws ImageCorrupt where it holds none or several */
  async one<Entry>(type: ImageType<Entry>, id?: ImageId): Promise<Entry | undefined> {
    const entries = await this.read(type, id);
    if (entries.length === 0 && !this.has(type, id)) return undefined;
    if (entries.length !== 1) throw new ImageCorrupt({ file: fileName(type, id), why: `holds ${entries.length} entries instead of one` });
    return entries[0];
  }

  /** The only entry of a file that must be there. @throws ImageCorrupt */
  async need<Entry>(type: ImageType<Entry>, id?: ImageId): Promise<Entry> {
    const entry = await this.one(type, id);
    if (entry === undefined) throw new ImageCorrupt({ file: fileName(type, id), why: 'there is no such file' });
    return entry;
  }

  /** undefined where there is no such file. @throws ImageCorrupt */
  async pagemap(type: PagemapType, id: ImageId): Promise<Pagemap | undefined> {
    const name = fileName(type, id);
    const bytes = await this.bytes(name);
    return bytes && decodePagemap(name, bytes);
  }
}
