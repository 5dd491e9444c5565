import type { MemoryPiece, ProcessMemory } from '../memory/process-memory.js';

/** What became of a range of a process's memory, in pages. */
export interface PageChanges {
  /** the same contents, or in neither checkpoint */
  readonly same: number;
  readonly changed: number;
  /** contents that only B has, or only A: what was never written, or is as in its file, has none */
  readonly appeared: number;
  readonly gone: number;
  /** of pages that are not known in one of them: lazy, or lost with a parent */
  readonly unknown: number;
  /** runs of pages that changed, appeared or went, the first `MAX_RUNS` of them */
  readonly runs: readonly { readonly address: string; readonly pages: number; readonly what: 'changed' | 'appeared' | 'gone' }[];
}

export const MAX_RUNS = 1000;

/** Memory of both checkpoints from `start` to `end`, compared page by page; of each, at most 1 MiB is held. @throws ImageCorrupt */
export async function comparePages(a: ProcessMemory, b: ProcessMemory, start: bigint, end: bigint): Promise<PageChanges> {
  const size = a.pageSize;
  const counts = { same: 0, changed: 0, appeared: 0, gone: 0, unknown: 0 };
  const runs: { address: string; pages: number; what: 'changed' | 'appeared' | 'gone' }[] = [];
  let last: { end: bigint; what: string } | undefined;
  const count = (what: keyof typeof counts, at: bigint, pages: number): void => {
    counts[what] += pages;
    if (what === 'same' || what === 'unknown') return;
    if (last?.end === at && last.what === what && runs.length > 0) runs[runs.length - 1] = { ...runs.at(-1)!, pages: runs.at(-1)!.pages + pages };
    else if (runs.length < MAX_RUNS) runs.push({ address: at.toString(16), pages, what });
    else return;
    last = { end: at + BigInt(pages) * BigInt(size), what };
  };
  const left = new Pieces(a.pieces(start, end));
  const right = new Pieces(b.pieces(start, end));
  for (let at = start; at < end; ) {
    const [one, other] = [await left.at(at), await right.at(at)];
    const to = [one.end, other.end, end].reduce((least, value) => (value < least ? value : least));
    const pages = Number((to - at) / BigInt(size));
    if (isUnknown(one.piece) || isUnknown(other.piece)) count('unknown', at, pages);
    else if (one.piece.source !== 'images' && other.piece.source !== 'images') count('same', at, pages);
    else if (one.piece.source === 'images' && other.piece.source === 'images') {
      const [x, y] = [await one.bytes(), await other.bytes()];
      const [fromX, fromY] = [Number(at - one.piece.address), Number(at - other.piece.address)];
      for (let i = 0; i < pages; i++) count(equal(x, fromX + i * size, y, fromY + i * size, size) ? 'same' : 'changed', at + BigInt(i * size), 1);
    } else {
      // A page of zeros that was written to is no other than one that never was.
      const held = one.piece.source === 'images' ? one : other;
      const absent = held === one ? other : one;
      const bytes = await held.bytes();
      const from = Number(at - held.piece.address);
      for (let i = 0; i < pages; i++) {
        const same = absent.piece.source === 'zero' && isZero(bytes, from + i * size, size);
        count(same ? 'same' : held === one ? 'gone' : 'appeared', at + BigInt(i * size), 1);
      }
    }
    at = to;
  }
  await left.close();
  await right.close();
  return { ...counts, runs };
}

const isUnknown = ({ source }: MemoryPiece): boolean => source === 'lazy' || source === 'lost';

/** Walks the pieces of one memory, keeping the one that it is in. */
class Pieces {
  readonly #pieces: AsyncGenerator<MemoryPiece, void, undefined>;
  #current: { piece: MemoryPiece; end: bigint; bytes: () => Promise<Uint8Array> } | undefined;

  constructor(pieces: AsyncGenerator<MemoryPiece, void, undefined>) {
    this.#pieces = pieces;
  }

  async at(address: bigint): Promise<{ piece: MemoryPiece; end: bigint; bytes: () => Promise<Uint8Array> }> {
    while (this.#current === undefined || this.#current.end <= address) {
      const next = await this.#pieces.next();
      if (next.done === true) throw new Error('the pieces end before their range does');
      const piece = next.value;
      let bytes: Promise<Uint8Array> | undefined;
      this.#current = { piece, end: piece.address + BigInt(piece.length), bytes: () => (bytes ??= piece.read()) };
    }
    return this.#current;
  }

  async close(): Promise<void> {
    await this.#pieces.return();
  }
}

/** Pages are aligned within pieces, and pieces to words as a rule; where not, byte by byte. */
function equal(a: Uint8Array, fromA: number, b: Uint8Array, fromB: number, length: number): boolean {
  if ((a.byteOffset + fromA) % 4 === 0 && (b.byteOffset + fromB) % 4 === 0) {
    const x = new Uint32Array(a.buffer, a.byteOffset + fromA, length / 4);
    const y = new Uint32Array(b.buffer, b.byteOffset + fromB, length / 4);
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
    return true;
  }
  for (let i = 0; i < length; i++) if (a[fromA + i] !== b[fromB + i]) return false;
  return true;
}

function isZero(bytes: Uint8Array, from: number, length: number): boolean {
  for (let i = from; i < from + length; i++) if (bytes[i] !== 0) return false;
  return true;
}
