import { addressOf } from './libc.js';

interface Allocated {
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly address: number;
}

function allocate(size: number): Allocated {
  const buffer = new ArrayBuffer(size);
  return { buffer, bytes: new Uint8Array(buffer), view: new DataView(buffer), address: addressOf(buffer) };
}

/**
 * Memory of ours that system calls read and write: allocated once, when it is first used, its address taken once.
 * It lies outside of V8's heap, so the address stays while the object lives.
 */
export class Memory {
  /** bytes */
  readonly size: number;
  #allocated: Allocated | undefined;

  /** Allocates nothing yet: many a module has memory that few runs need. */
  constructor(size: number) {
    this.size = size;
  }

  get buffer(): ArrayBuffer {
    return (this.#allocated ??= allocate(this.size)).buffer;
  }

  get bytes(): Uint8Array {
    return (this.#allocated ??= allocate(this.size)).bytes;
  }

  get view(): DataView {
    return (this.#allocated ??= allocate(this.size)).view;
  }

  get address(): number {
    return (this.#allocated ??= allocate(this.size)).address;
  }

  /** Puts a NUL-terminated string at `offset`; its address. Strings may hold surrogate-escaped bytes, see `pathBytes`. */
  putString(text: string | Uint8Array, offset = 0): number {
    const bytes = typeof text === 'string' ? pathBytes(text) : text;
    if (offset + bytes.length + 1 > this.size) throw new RangeError(`a string of ${bytes.length} bytes doesn't fit`);
    this.bytes.set(bytes, offset);
    this.bytes[offset + bytes.length] = 0;
    return this.address + offset;
  }
}

/**
 * A path's bytes. Bytes that are no UTF-8 are carried in strings as lone surrogates U+DC80…U+DCFF
 * (Python's surrogateescape), so that every path survives.
 */
export function pathBytes(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return Buffer.from(text, 'utf8');
  const parts = text.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/);
  return Buffer.concat(parts.map((part, i) => (i % 2 === 1 ? Buffer.of(part.charCodeAt(0) & 0xff) : Buffer.from(part, 'utf8'))));
}

/** The inverse of {@link pathBytes}. */
export function pathString(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  if (!text.includes('\ufffd')) return text;
  let out = '';
  for (let i = 0; i < bytes.length; ) {
    const length = utf8Length(bytes, i);
    if (length > 0) out += Buffer.from(bytes.subarray(i, i + length)).toString('utf8');
    else out += String.fromCharCode(0xdc00 | (bytes[i] as number));
    i += Math.max(length, 1);
  }
  return out;
}

/** Length of the well-formed UTF-8 sequence at `i`, or 0. */
function utf8Length(bytes: Uint8Array, i: number): number {
  const lead = bytes[i] as number;
  const length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  if (length === 0 || i + length > bytes.length) return 0;
  if (length === 1) return 1;
  const decoded = Buffer.from(bytes.subarray(i, i + length)).toString('utf8');
  return decoded.includes('\ufffd') && !(length === 3 && lead === 0xef && bytes[i + 1] === 0xbf && bytes[i + 2] === 0xbd) ? 0 : length;
}

/** For calls that need a little memory for the length of the call; never kept over another call of this package. */
export const scratch = new Memory(64 * 1024);
