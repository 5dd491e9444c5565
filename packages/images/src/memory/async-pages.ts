import type { ByteAccess } from '../access/byte-access.js';
import { readExactly } from '../access/byte-access.js';
import type { ImageFiles } from '../checkpoint/image-files.js';
import { ImageCorrupt } from '../errors.js';
import type { ByteSource } from '../io/directory.js';
import { MemorySource } from '../io/directory.js';
import { BLOCK, HEADER_SIZE, TRAILER_SIZE, blockCount, decodeHeader, pageFileNames } from '../pages/format.js';
import { pagesOf } from '../pages/page-reader.js';
import type { PageReader } from '../pages/page-reader.js';

/** At most so many bytes of the pages are read, and held, at once. */
export const MAX_READ = 1024 * 1024;

/** The page contents of one pagemap, wherever they lie and however they are stored. */
export interface AsyncPages {
  /** bytes of all pages together */
  readonly size: number;
  readonly checksummed: boolean;
  /** @throws ImageCorrupt where the file ends before, or a block is damaged */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** The parts of a file that are in memory, as a ByteSource: what is not there is as beyond the file's end. */
class LoadedParts implements ByteSource {
  readonly name: string;
  readonly size: number;
  #parts: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  constructor(access: ByteAccess) {
    this.name = access.name;
    this.size = access.size;
  }

  load(...parts: { readonly at: number; readonly bytes: Uint8Array }[]): void {
    this.#parts = parts;
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, this.readInto(bytes, offset));
  }

  readInto(target: Uint8Array, offset: number): number {
    const part = this.#parts.find(({ at, bytes }) => offset >= at && offset < at + bytes.length);
    const found = part?.bytes.subarray(offset - part.at, offset - part.at + target.length);
    if (found !== undefined) target.set(found);
    return found?.length ?? 0;
  }

  [Symbol.dispose](): void {}
}

/** The pages of pages-<pagesId>. @throws ImageCorrupt */
export async function openAsyncPages(files: ImageFiles, pagesId: number): Promise<AsyncPages> {
  const names = pageFileNames(pagesId);
  const plain = files.open(names.plain);
  const access = plain ?? files.open(names.lz4);
  if (access === undefined) throw new ImageCorrupt({ file: names.plain, why: 'there is no such file' });
  const parts = new LoadedParts(access);
  let reader: PageReader;
  if (plain === undefined) {
    const header = await readExactly(access, 0, HEADER_SIZE);
    const { size } = decodeHeader(access.name, 'lz4', header);
    const tail = blockCount(size) * 8 + TRAILER_SIZE;
    // readLz4Table says what is wrong where the file has no room for the table.
    const at = Math.max(HEADER_SIZE, access.size - tail);
    parts.load({ at: 0, bytes: header }, { at, bytes: await access.read(at, access.size - at) });
    reader = pagesOf(parts, 'lz4');
  } else {
    const crc = files.open(names.crc);
    const sums = crc && new MemorySource(crc.name, await readExactly(crc, 0, crc.size));
    reader = pagesOf(parts, sums);
  }
  return {
    size: reader.size,
    checksummed: reader.checksummed,
    async read(offset, length) {
      const target = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        // Up to a block's end, so that no block is read twice.
        const end = Math.min(length, Math.floor((offset + done + MAX_READ) / BLOCK) * BLOCK - offset);
        if (offset + end > reader.size) throw new ImageCorrupt({ file: access.name, offset: reader.size, why: `pages are asked for up to byte ${offset + length}, there are ${reader.size}` });
        const stored = reader.storedRange(offset + done, end - done);
        parts.load({ at: stored.offset, bytes: await access.read(stored.offset, stored.length) });
        reader.readInto(target.subarray(done, end), offset + done);
        done = end;
      }
      return target;
    },
  };
}
