import type { ImageFiles } from '../checkpoint/image-files.js';
import { ImageCorrupt } from '../errors.js';
import type { Pagemap } from '../pagemap/pagemap.js';
import { PE_LAZY, PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import type { AsyncPages } from './async-pages.js';
import { openAsyncPages } from './async-pages.js';

/** A run of pages that are all in one place. Pages are numbered: address / page size. */
export interface PageRun {
  readonly page: number;
  readonly pages: number;
  /**
   * present: in the images; zero: known to hold zeros; lazy: left with the page server; lost: the images say that a
   * parent has it, and none does
   */
  readonly where: 'present' | 'zero' | 'lazy' | 'lost';
  /** of `present`: 0 for the set itself, 1 for its parent … */
  readonly layer: number;
  /** of `present`: bytes from the beginning of that layer's pages */
  readonly offset: number;
  /** PE_ bits of the row that it is a part of */
  readonly flags: number;
}

/** The pagemap of one set, ready for searching. */
interface Layer {
  readonly first: Float64Array;
  readonly count: Uint32Array;
  readonly flags: Uint32Array;
  readonly offset: Float64Array;
  readonly open: () => Promise<AsyncPages>;
}

/** A process's (or a shared segment's) pages, through the chain of parents that an incremental dump has. */
export class PageLayers {
  readonly #layers: readonly Layer[];
  readonly pageSize: number;

  /** @throws ImageCorrupt where rows overlap, or lie between pages */
  constructor(sets: readonly { readonly files: ImageFiles; readonly name: string; readonly pagemap: Pagemap }[], pageSize: number) {
    this.pageSize = pageSize;
    this.#layers = sets.map(({ files, name, pagemap }) => layerOf(files, name, pagemap, pageSize));
  }

  /** Rows of the set's own pagemap. */
  get rows(): number {
    return this.#layers[0]?.first.length ?? 0;
  }

  /** The runs among pages `from` to `to` (not included), in increasing order; pages of which nothing is known are left out. */
  *runs(from = 0, to = Infinity, layer = 0): Generator<PageRun, void, undefined> {
    const rows = this.#layers[layer];
    if (rows === undefined) return;
    for (let i = firstRow(rows, from); i < rows.first.length; i++) {
      const start = rows.first[i]!;
      if (start >= to) return;
      const page = Math.max(start, from);
      const pages = Math.min(start + rows.count[i]!, to) - page;
      if (pages <= 0) continue;
      const flags = rows.flags[i]!;
      if (flags & PE_PRESENT) yield { page, pages, where: 'present', layer, offset: rows.offset[i]! + (page - start) * this.pageSize, flags };
      else if (flags & PE_PARENT) yield* this.#inherited(page, pages, layer, flags);
      else yield { page, pages, where: flags & PE_LAZY ? 'lazy' : 'zero', layer, offset: 0, flags };
    }
  }

  *#inherited(page: number, pages: number, layer: number, flags: number): Generator<PageRun, void, undefined> {
    let at = page;
    for (const run of this.runs(page, page + pages, layer + 1)) {
      if (run.page > at) yield { page: at, pages: run.page - at, where: 'lost', layer, offset: 0, flags };
      yield run;
      at = run.page + run.pages;
    }
    if (at < page + pages) yield { page: at, pages: page + pages - at, where: 'lost', layer, offset: 0, flags };
  }

  /** Bytes of a present run, from `skip` bytes after its beginning. @throws ImageCorrupt */
  async read(run: PageRun, skip: number, length: number): Promise<Uint8Array> {
    const pages = await this.#layers[run.layer]!.open();
    return pages.read(run.offset + skip, length);
  }
}

function layerOf(files: ImageFiles, name: string, pagemap: Pagemap, pageSize: number): Layer {
  const rows = pagemap.vaddr.length;
  const first = new Float64Array(rows);
  const offset = new Float64Array(rows);
  let end = 0;
  let stored = 0;
  for (let i = 0; i < rows; i++) {
    const address = pagemap.vaddr[i]!;
    if (address % BigInt(pageSize) !== 0n) throw new ImageCorrupt({ file: name, why: `row ${i} begins at 0x${address.toString(16)}, which is no page` });
    first[i] = Number(address / BigInt(pageSize));
    if (first[i]! < end) throw new ImageCorrupt({ file: name, why: `row ${i} (0x${address.toString(16)}) overlaps the row before it` });
    end = first[i]! + pagemap.nrPages[i]!;
    offset[i] = stored;
    if (pagemap.flags[i]! & PE_PRESENT) stored += pagemap.nrPages[i]! * pageSize;
  }
  let pages: Promise<AsyncPages> | undefined;
  return { first, count: pagemap.nrPages, flags: pagemap.flags, offset, open: () => (pages ??= openAsyncPages(files, pagemap.pagesId)) };
}

/** The first row that ends beyond page `from`. */
function firstRow(rows: Layer, from: number): number {
  let low = 0;
  let high = rows.first.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rows.first[middle]! + rows.count[middle]! <= from) low = middle + 1;
    else high = middle;
  }
  return low;
}
