import type { PageSet } from './page-set.js';
import type { StoredPages, StoredRun } from './stored-pages.js';
import { PAGE } from './vma-status.js';

/** Bytes read at once; the caches have room for two of them. */
const WINDOW = 128 * 1024;
/** A bearer is asked about again and again, and an heir may be a bearer next. */
const WINDOWS = 4;

/** The contents of stored pages, read piece by piece, mostly from front to back. */
class PageWindow {
  readonly buffer = Buffer.allocUnsafeSlow(WINDOW);
  #pages: StoredPages | undefined;
  #size = 0;
  #start = 0;
  #end = 0;

  shows(pages: StoredPages): boolean {
    return this.#pages === pages;
  }

  /** Where in the buffer the byte at this offset is. */
  at(pages: StoredPages, offset: number): number {
    if (this.#pages !== pages) this.#size = pages.bytes;
    if (this.#pages !== pages || offset < this.#start || offset >= this.#end) {
      this.#pages = undefined;
      this.#start = offset;
      this.#end = Math.min(offset + WINDOW, this.#size);
      pages.readInto(this.buffer.subarray(0, this.#end - offset), offset);
      this.#pages = pages;
    }
    return offset - this.#start;
  }

  /** Bytes from this offset on. */
  left(offset: number): number {
    return this.#end - offset;
  }
}

/** Finds equal pages; its buffers go with it. */
export class PageComparer {
  /** Who was used last is the last. */
  readonly #windows: PageWindow[] = [];

  /** Which of these pages are the same in both. @param candidates stored in both @throws ImageCorrupt */
  equal(a: StoredPages, b: StoredPages, candidates: PageSet): PageSet {
    const equal: number[] = [];
    const one = this.#windowOf(a);
    const other = this.#windowOf(b);
    let i = 0;
    let j = 0;
    for (let k = 0; k < candidates.length; k += 2) {
      const end = candidates[k + 1] as number;
      for (let at = candidates[k] as number; at < end; ) {
        while (endOf(a.runs[i] as StoredRun) <= at) i++;
        while (endOf(b.runs[j] as StoredRun) <= at) j++;
        const runA = a.runs[i] as StoredRun;
        const runB = b.runs[j] as StoredRun;
        const offsetA = runA.offset + at - runA.address;
        const offsetB = runB.offset + at - runB.address;
        const fromA = one.at(a, offsetA);
        const fromB = other.at(b, offsetB);
        const length = Math.min(one.left(offsetA), other.left(offsetB), endOf(runA) - at, endOf(runB) - at, end - at);
        const same = (from: number, bytes: number): boolean => one.buffer.compare(other.buffer, fromB + from, fromB + from + bytes, fromA + from, fromA + from + bytes) === 0;
        if (same(0, length)) add(equal, at, at + length);
        else if (length > PAGE) for (let page = 0; page < length; page += PAGE) if (same(page, PAGE)) add(equal, at + page, at + page + PAGE);
        at += length;
      }
    }
    return equal;
  }

  #windowOf(pages: StoredPages): PageWindow {
    const index = this.#windows.findIndex((one) => one.shows(pages));
    const window = index >= 0 ? this.#windows.splice(index, 1)[0] : this.#windows.length < WINDOWS ? undefined : this.#windows.shift();
    const found = window ?? new PageWindow();
    this.#windows.push(found);
    return found;
  }
}

const endOf = ({ address, length }: StoredRun): number => address + length;

function add(set: number[], start: number, end: number): void {
  if (set.at(-1) === start) set[set.length - 1] = end;
  else set.push(start, end);
}
