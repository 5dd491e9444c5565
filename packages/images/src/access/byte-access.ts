import { ImageCorrupt } from '../errors.js';

/**
 * Bytes that can be read anywhere, but not at once: a file on disk, a browser's File, a resource of an HTTP server, a
 * member of an archive. `read` gives fewer bytes than were asked for only where the source ends.
 */
export interface ByteAccess {
  /** for messages */
  readonly name: string;
  /** bytes; Infinity where only reading to the end would tell (a compressed stream) */
  readonly size: number;
  /** of what lies in a compressed stream: bytes of that stream, as few as they may be */
  readonly packedSize?: number | undefined;
  /** Reading backwards costs as much as reading all before again: a compressed stream. */
  readonly sequential: boolean;
  /** when it was written, in ms since 1970, where that is known */
  readonly modified?: number | undefined;
  /** The caller may keep the bytes, and must not change them. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Gives back what reading took (a descriptor); the next read takes it again. */
  close(): void;
}

/** What openCheckpoint takes for a file: bytes, a Blob (a browser's File), or an access of one's own. */
export type ByteInput = Uint8Array | Blob | ByteAccess;

export function bytesAccess(name: string, bytes: Uint8Array): ByteAccess {
  return { name, size: bytes.length, sequential: false, read: async (offset, length) => bytes.subarray(offset, offset + length), close() {} };
}

/** A Blob or File: what a browser hands out for a dropped file. Nothing is read before it is asked for. */
export function blobAccess(blob: Blob, name = 'name' in blob && typeof blob.name === 'string' ? blob.name : 'blob'): ByteAccess {
  return {
    name,
    size: blob.size,
    sequential: false,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    close() {},
  };
}

/** A part of another access: a member of a tar. */
export function sliceAccess(whole: ByteAccess, name: string, offset: number, size: number): ByteAccess {
  return {
    name,
    size,
    packedSize: whole.packedSize,
    sequential: whole.sequential,
    read: (at, length) => whole.read(offset + at, Math.max(0, Math.min(length, size - at))),
    close: () => whole.close(),
  };
}

/** Exactly these bytes. @throws ImageCorrupt where the source ends before */
export async function readExactly(access: ByteAccess, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await access.read(offset, length);
  if (bytes.length < length) throw new ImageCorrupt({ file: access.name, offset: offset + bytes.length, why: `the file ends where ${length - bytes.length} more bytes are announced` });
  return bytes;
}

export function toAccess(input: ByteInput): ByteAccess {
  if (input instanceof Uint8Array) return bytesAccess('bytes', input);
  // A Blob has no `read`; told by what it can do, because there may be several classes of that name.
  return 'read' in input ? input : blobAccess(input);
}
