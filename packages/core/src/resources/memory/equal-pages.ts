import type { PageSet } from './page-set.js';
import type { StoredPages, StoredRun } from './stored-pages.js';
import { PAGE } from './vma-status.js';

/** Bytes read at once; the caches have room for two of them. */
const WINDOW = 256 * 1024;

/** The contents of stored pages, read piece by piece, mostly from front to back. */
class PageWindow {
  readonly #pages: StoredPages;
  readonly #buffer: Buffer;
  #start = 0;
  #end = 0;
  #run = 0;

  constructor(pages: StoredPages) {
    this.#pages = pages;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(WINDOW, pages.bytes));
  }

  /** The run that has this page; addresses never go back. */
  runAt(address: number): StoredRun {
    const { runs } = this.#pages;
    while ((runs[this.#run] as StoredRun).address + (runs[this.#run] as StoredRun).length <= address) this.#run++;
    return runs[this.#run] as StoredRun;
  }

  /** What of it is at hand from this offset on, in the buffer. */
  at(offset: number): { readonly bytes: Buffer; readonly from: number; readonly length: number } {
    if (offset < this.#start || offset >= this.#end) {
      this.#start = offset;
      this.#end = Math.min(offset + this.#buffer.length, this.#pages.bytes);
      this.#pages.readInto(this.#buffer.subarray(0, this.#end - offset), offset);
    }
    return { bytes: this.#buffer, from: offset - this.#start, length: this.#end - offset };
  }
}

/** Which of these pages are the same in both. @param candidates stored in both @throws ImageCorrupt */
export function equalPages(a: StoredPages, b: StoredPages, candidates: PageSet): PageSet {
  const equal: number[] = [];
  const windows = [new PageWindow(a), new PageWindow(b)] as const;
  for (let i = 0; i < candidates.length; i += 2) {
    const end = candidates[i + 1] as number;
    for (let at = candidates[i] as number; at < end; ) {
      const [one, other] = windows.map((window) => {
        const run = window.runAt(at);
        const part = window.at(run.offset + at - run.address);
        return { ...part, length: Math.min(part.length, run.address + run.length - at) };
      }) as [ReturnType<PageWindow['at']>, ReturnType<PageWindow['at']>];
      const length = Math.min(one.length, other.length, end - at);
      const same = (from: number, bytes: number): boolean =>
        one.bytes.compare(other.bytes, other.from + from, other.from + from + bytes, one.from + from, one.from + from + bytes) === 0;
      if (same(0, length)) add(equal, at, at + length);
      else for (let page = 0; page < length; page += PAGE) if (same(page, PAGE)) add(equal, at + page, at + page + PAGE);
      at += length;
    }
  }
  return equal;
}

function add(set: number[], start: number, end: number): void {
  if (set.at(-1) === start) set[set.length - 1] = end;
  else set.push(start, end);
}
