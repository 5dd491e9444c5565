import { Decompress } from 'fzstd';
import { ImageCorrupt } from '../errors.js';
import type { ByteAccess } from './byte-access.js';
import { MAX_WINDOW, ZstdFrames } from './zstd-frames.js';

export type Compression = 'gzip' | 'zstd';

/** RFC 1952 and RFC 8878: a stream's first bytes. */
export async function compressionOf(access: ByteAccess): Promise<Compression | undefined> {
  const start = await access.read(0, 4);
  if (start[0] === 0x1f && start[1] === 0x8b && start[2] === 8) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  return undefined;
}

const CHUNK = 256 * 1024;

/** The unpacked bytes of a compressed access, in pieces, from its beginning. @throws ImageCorrupt */
export async function* unpackedPieces(access: ByteAccess, compression: Compression): AsyncGenerator<Uint8Array, void, undefined> {
  yield* compression === 'gzip' ? gunzip(access) : unzstd(access);
}

async function* packedPieces(access: ByteAccess): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; ; at += CHUNK) {
    const piece = await access.read(at, CHUNK);
    if (piece.length > 0) yield piece;
    if (piece.length < CHUNK) return;
  }
}

async function* gunzip(access: ByteAccess): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = new DecompressionStream('gzip');
  const writer = (stream.writable as WritableStream<Uint8Array>).getWriter();
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  const feed = async (): Promise<void> => {
    for await (const piece of packedPieces(access)) await writer.write(piece);
    await writer.close();
  };
  const feeding = feed();
  // What goes wrong in feeding shows at the reader first.
  feeding.catch(() => undefined);
  let done = false;
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) break;
      yield next.value;
    }
    await feeding;
    done = true;
  } catch (error) {
    if (error instanceof ImageCorrupt) throw error;
    throw new ImageCorrupt({ file: access.name, why: 'it is no whole gzip stream', cause: error });
  } finally {
    // Whoever stops reading early must not leave the feeder waiting for room.
    if (!done) await reader.cancel().catch(() => undefined);
  }
}

/** A run of 128 KiB has four bytes: a step unpacks to 8 MiB at most. */
const STEP = 256;

async function* unzstd(access: ByteAccess): AsyncGenerator<Uint8Array, void, undefined> {
  const frames = new ZstdFrames();
  const ready: Uint8Array[] = [];
  const stream = new Decompress((piece) => void ready.push(piece));
  const push = (piece: Uint8Array, final: boolean): void => {
    try {
      stream.push(piece, final);
    } catch (error) {
      throw new ImageCorrupt({ file: access.name, why: 'it is no whole zstd stream', cause: error });
    }
  };
  for await (const piece of packedPieces(access)) {
    for (let at = 0; at < piece.length; at += STEP) {
      const step = piece.subarray(at, at + STEP);
      const window = frames.push(step);
      if (window > MAX_WINDOW) throw new ImageCorrupt({ file: access.name, why: `its zstd window of ${window} bytes is above ${MAX_WINDOW}; unpack it by zstd -d` });
      push(step, false);
      for (let next = ready.shift(); next !== undefined; next = ready.shift()) yield next;
    }
  }
  push(new Uint8Array(0), true);
  yield* ready;
}
