/** The largest window of zstd that is taken: it is held in memory. `zstd -19` has 8 MiB, `--ultra` and `--long` more. */
export const MAX_WINDOW = 32 * 1024 * 1024;

const MAGIC = 0xfd2f_b528;
/** 16 magic words of frames that are to be passed over. */
const SKIPPABLE = 0x184d_2a50;
const RUN = 1;

/**
 * Walks along a stream of zstd frames (RFC 8878, 3.1) without unpacking them, to know of each frame's window before whoever
 * unpacks it has to hold it. What is no frame it leaves to the unpacker to complain of.
 */
export class ZstdFrames {
  /** what is yet too short to be understood */
  #held: Uint8Array = new Uint8Array(0);
  /** bytes to be passed over */
  #skip = 0;
  #inFrame = false;
  #hasChecksum = false;
  #lost = false;

  /** The largest window of the frames that begin in these bytes, 0 where none begins. */
  push(bytes: Uint8Array): number {
    let largest = 0;
    let rest = this.#held.length === 0 ? bytes : joined(this.#held, bytes);
    while (!this.#lost) {
      const passed = Math.min(this.#skip, rest.length);
      this.#skip -= passed;
      rest = rest.subarray(passed);
      if (this.#skip > 0 || rest.length < 3) break;
      if (this.#inFrame) {
        rest = this.#block(rest);
        continue;
      }
      const frame = headerOf(rest);
      if (frame === 'short') break;
      if (frame === undefined) this.#lost = true;
      else {
        this.#skip = frame.length;
        this.#inFrame = frame.window !== undefined;
        this.#hasChecksum = frame.hasChecksum;
        largest = Math.max(largest, frame.window ?? 0);
      }
    }
    this.#held = this.#lost ? new Uint8Array(0) : rest.slice();
    return largest;
  }

  #block(bytes: Uint8Array): Uint8Array {
    const header = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
    const isRun = ((header >> 1) & 3) === RUN;
    this.#skip = isRun ? 1 : header >> 3;
    if ((header & 1) !== 0) {
      this.#inFrame = false;
      if (this.#hasChecksum) this.#skip += 4;
    }
    return bytes.subarray(3);
  }
}

interface FrameHeader {
  /** bytes up to the first block, or of all of a frame that is passed over */
  readonly length: number;
  /** undefined: to be passed over */
  readonly window: number | undefined;
  readonly hasChecksum: boolean;
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

/** undefined where no frame begins; `short` where there is too little to tell. */
function headerOf(bytes: Uint8Array): FrameHeader | 'short' | undefined {
  if (bytes.length < 8) return 'short';
  const magic = word(bytes, 0);
  if ((magic & ~15) >>> 0 === SKIPPABLE) return { length: 8 + word(bytes, 4), window: undefined, hasChecksum: false };
  if (magic !== MAGIC) return undefined;
  const descriptor = bytes[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeAt = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = descriptor >> 6 === 0 ? Number(isSingle) : 1 << (descriptor >> 6);
  const length = sizeAt + sizeBytes;
  if (length > bytes.length) return 'short';
  return { length, window: isSingle ? contentSize(bytes.subarray(sizeAt, length)) : windowSize(bytes[5]!), hasChecksum: (descriptor & 4) !== 0 };
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

/** Of a frame in one segment, the window is the content. */
function contentSize(bytes: Uint8Array): number {
  const size = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return bytes.length === 2 ? size + 256 : size;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
