import { ImageCorrupt } from '../errors.js';
import type { ByteAccess } from './byte-access.js';

/** One request fetches this much, and small reads near each other share it. */
const WINDOW = 256 * 1024;

/**
 * A resource of an HTTP server that answers range requests (RFC 9110, 14), read piece by piece.
 * @throws Error where the server refuses, or answers ranges with the whole
 */
export async function httpAccess(url: string | URL, init: RequestInit = {}): Promise<ByteAccess> {
  const name = new URL(url).pathname.split('/').pop() || String(url);
  const request = async (first: number, last: number): Promise<{ bytes: Uint8Array; size: number }> => {
    const headers = new Headers(init.headers);
    headers.set('range', `bytes=${first}-${last}`);
    const response = await fetch(url, { ...init, headers });
    if (response.status !== 206) {
      await response.body?.cancel();
      throw new Error(`${String(url)}: the server answers a range request with status ${response.status} instead of 206`);
    }
    const size = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]);
    if (!Number.isSafeInteger(size)) throw new Error(`${String(url)}: the server does not tell the size of the file`);
    return { bytes: new Uint8Array(await response.arrayBuffer()), size };
  };
  const { bytes: start, size } = await request(0, WINDOW - 1);
  let window = { at: 0, bytes: start };
  return {
    name,
    size,
    sequential: false,
    async read(offset, length) {
      const end = Math.min(offset + length, size);
      if (offset >= end) return new Uint8Array(0);
      if (offset < window.at || end > window.at + window.bytes.length) {
        const last = Math.min(size, Math.max(end, offset + WINDOW)) - 1;
        const answer = await request(offset, last);
        if (answer.size !== size) throw new ImageCorrupt({ file: name, why: 'the file on the server changed while it was read' });
        window = { at: offset, bytes: answer.bytes };
      }
      return window.bytes.slice(offset - window.at, end - window.at);
    },
    close() {},
  };
}
