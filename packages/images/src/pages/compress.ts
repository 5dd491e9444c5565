import { openCrc32c, openLz4, threadMemory } from '@criu-ts/wasm';
import type { Region } from '@criu-ts/wasm';
import { ImageCorrupt } from '../errors.js';
import type { ByteSource, ImageDirectory } from '../io/directory.js';
import { othersTurn } from '../io/turn.js';
import { BLOCK, HEADER_SIZE, blockCount, blockLength, encodeCrcFile, encodeHeader, encodeLz4Tail, pageFileNames, storedWord } from './format.js';

export interface CompressOptions {
  /** Replace the plain file by a compressed one. */
  readonly compress?: 'lz4' | undefined;
  /** Keep a CRC-32C of each block: within the compressed file, or beside the plain one. */
  readonly checksum?: boolean | undefined;
  readonly signal?: Pick<AbortSignal, 'throwIfAborted'> | undefined;
  readonly onProgress?: ((done: { readonly bytes: number; readonly of: number }) => void) | undefined;
}

export interface CompressResult {
  /** bytes of all pages together */
  readonly size: number;
  /** bytes of the file that holds them now */
  readonly stored: number;
}

/** Blocks between two looks at the rest of the world. */
const BATCH = 32;

/**
 * Compresses and checksums pages-<pagesId>.img, as the options say, after it was written; memory stays below 6 MiB.
 * The plain file is removed only when the compressed one is on disk; whatever fails or is aborted, the plain one is there.
 * @throws ImageCorrupt where there is no such file; the signal's reason; errors of the directory
 */
export async function compressPages(directory: ImageDirectory, pagesId: number, options: CompressOptions): Promise<CompressResult> {
  const names = pageFileNames(pagesId);
  using source = directory.open(names.plain);
  if (source === undefined) throw new ImageCorrupt({ file: names.plain, why: 'there is no such file' });
  const { size } = source;
  if (options.compress === undefined) {
    if (options.checksum !== true) return { size, stored: size };
    const checksums = new Uint32Array(blockCount(size));
    await forEachBatch(source, options, (pages, first, count) => checksumBatch(pages, size, first, count, checksums));
    directory.remove(names.crc);
    using sink = directory.create(names.crc);
    sink.write(encodeCrcFile(size, checksums));
    return { size, stored: size };
  }
  try {
    const stored = await writeLz4(directory, names.lz4, source, options);
    // Only when the compressed pages would survive a power cut may the plain ones go.
    directory.sync();
    directory.remove(names.plain);
    directory.remove(names.crc);
    return { size, stored };
  } catch (error) {
    directory.remove(names.lz4);
    throw error;
  }
}

async function writeLz4(directory: ImageDirectory, name: string, source: ByteSource, options: CompressOptions): Promise<number> {
  const header = encodeHeader({ kind: 'lz4', size: source.size, checksums: options.checksum === true });
  const table = new Uint32Array(2 * blockCount(source.size));
  directory.remove(name);
  using sink = directory.create(name);
  sink.write(header);
  let at = HEADER_SIZE;
  await forEachBatch(source, options, (pages, first, count) => {
    using packed = threadMemory().allocate(count * BLOCK);
    const length = compressBatch(pages, packed, source.size, first, count, options.checksum === true, table);
    sink.write(packed.bytes(0, length));
    at += length;
  });
  sink.write(encodeLz4Tail(header, table, at));
  return sink.size;
}

/** Reads the pages batch by batch; between two batches other work of this thread has its turn. */
async function forEachBatch(source: ByteSource, options: CompressOptions, work: (pages: Region, first: number, count: number) => void): Promise<void> {
  const { size } = source;
  const blocks = blockCount(size);
  for (let first = 0; first < blocks; first += BATCH) {
    options.signal?.throwIfAborted();
    const count = Math.min(BATCH, blocks - first);
    const length = Math.min(count * BLOCK, size - first * BLOCK);
    {
      using pages = threadMemory().allocate(length);
      if (source.readInto(pages.bytes(), first * BLOCK) !== length) throw new ImageCorrupt({ file: source.name, why: 'the file shrank while it was read' });
      work(pages, first, count);
    }
    options.onProgress?.({ bytes: first * BLOCK + length, of: size });
    await othersTurn();
  }
}

function checksumBatch(pages: Region, size: number, first: number, count: number, checksums: Uint32Array): void {
  const crc32c = openCrc32c(threadMemory());
  for (let i = 0; i < count; i++) checksums[first + i] = crc32c.checksum(pages, i * BLOCK, blockLength(size, first + i));
}

/** Packs the batch's blocks one behind the other and fills their rows of the table; tells the bytes they take. */
function compressBatch(pages: Region, packed: Region, size: number, first: number, count: number, checksum: boolean, table: Uint32Array): number {
  const memory = threadMemory();
  const lz4 = openLz4(memory);
  const crc32c = openCrc32c(memory);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const length = blockLength(size, first + i);
    let stored = lz4.compress(pages, i * BLOCK, length, packed, at, length - 1);
    const raw = stored === 0;
    if (raw) {
      stored = length;
      packed.bytes(at, length).set(pages.bytes(i * BLOCK, length));
    }
    const row = 2 * (first + i);
    table[row] = storedWord(stored, raw);
    table[row + 1] = checksum ? crc32c.checksum(packed, at, stored) : 0;
    at += stored;
  }
  return at;
}
