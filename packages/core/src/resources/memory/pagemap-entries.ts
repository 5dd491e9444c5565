import type { Pagemap, vma_entry } from '@criu-ts/images';
import { MAP } from '@criu-ts/kernel/abi';
import type { DescribedVma } from './describe-vmas.js';
import { PAGE, PE, VMA } from './vma-status.js';

/** Which pages go into the images: rows of the pagemap, and the same as runs to copy. */
export class PageList {
  /** Pairs: address, bytes; as {@link CopyJob} takes them. */
  readonly runs: number[] = [];
  /** Triples: address, pages, flags. */
  readonly #rows: number[] = [];
  #pages = 0;

  get pages(): number {
    return this.#pages;
  }

  get bytes(): number {
    return this.#pages * PAGE;
  }

  /** Appends pages that lie behind all that were added before. */
  add(start: number, end: number, flags: number): void {
    const pages = (end - start) / PAGE;
    const runs = this.runs;
    const rows = this.#rows;
    this.#pages += pages;
    if (runs.length > 0 && (runs[runs.length - 2] as number) + (runs[runs.length - 1] as number) === start) {
      runs[runs.length - 1] = (runs[runs.length - 1] as number) + end - start;
      if (rows[rows.length - 1] === flags) {
        rows[rows.length - 2] = (rows[rows.length - 2] as number) + pages;
        return;
      }
    } else runs.push(start, end - start);
    rows.push(start, pages, flags);
  }

  /** As columns, for the image. */
  pagemap(pagesId: number): Pagemap {
    const rows = this.#rows;
    const count = rows.length / 3;
    const vaddr = new BigUint64Array(count);
    const nrPages = new Uint32Array(count);
    const flags = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      vaddr[i] = BigInt(rows[3 * i] as number);
      nrPages[i] = rows[3 * i + 1] as number;
      flags[i] = rows[3 * i + 2] as number;
    }
    return { pagesId, vaddr, nrPages, flags };
  }
}

/** Flags of a VMA's pages: CRIU marks as lazy what a userfaultfd could bring later. */
export function pageFlags({ entry }: DescribedVma): number {
  const special = VMA.VDSO | VMA.VVAR | VMA.AIORING;
  return entry.status & VMA.ANON_PRIVATE && !(entry.status & special) && !(entry.flags & MAP.HUGETLB) ? PE.PRESENT | PE.LAZY : PE.PRESENT;
}

/**
 * Does the process itself hold pages there that the images must keep? Not where the kernel may drop them at any time:
 * such memory holds the state of random number generators (vgetrandom), which must not come twice.
 */
export function hasPrivatePages({ entry }: DescribedVma): boolean {
  if (isDroppable(entry.flags)) return false;
  const kernels = VMA.VVAR | VMA.VSYSCALL | VMA.VDSO | VMA.GUARD;
  return (entry.status & (VMA.ANON_PRIVATE | VMA.FILE_PRIVATE)) !== 0 && (entry.status & kernels) === 0;
}

/** Guard pages (madvise(2) MADV_GUARD_INSTALL) as the images have them: a mapping of no kind, beside the one that they lie in. */
export function guardEntry(start: number, end: number): vma_entry {
  return { start: BigInt(start), end: BigInt(end), pgoff: 0n, shmid: 0n, prot: 0, flags: 0, status: VMA.GUARD, fd: 0n };
}

/** MAP_DROPPABLE is MAP_SHARED and another bit, so that the type must be compared as a whole. */
const isDroppable = (flags: number): boolean => (flags & MAP.TYPE) === MAP.DROPPABLE;

const WHOLE = VMA.VDSO | VMA.AIORING;

/**
 * Cuts runs of pages, given in order of address, by the mappings they lie in. The vdso is kept whole: a restore
 * compares it with the host's; so are rings of asynchronous I/O, which are files of the kernel's.
 */
export class VmaPages {
  readonly list = new PageList();
  readonly #vmas: readonly DescribedVma[];
  #index = 0;

  constructor(vmas: readonly DescribedVma[]) {
    this.#vmas = vmas.filter((vma) => hasPrivatePages(vma) || vma.entry.status & WHOLE);
  }

  add(start: number, end: number): void {
    while (start < end) {
      const vma = this.#advance(start);
      if (vma === undefined || vma.start >= end) return;
      const from = Math.max(start, vma.start);
      const to = Math.min(end, vma.end);
      if (hasPrivatePages(vma)) this.list.add(from, to, pageFlags(vma));
      start = to;
    }
  }

  finish(): PageList {
    this.#advance(Infinity);
    return this.list;
  }

  /** The first mapping that ends behind `address`; those that are kept whole are added on the way. */
  #advance(address: number): DescribedVma | undefined {
    for (;;) {
      const vma = this.#vmas[this.#index];
      if (vma === undefined) return undefined;
      if (vma.entry.status & WHOLE && vma.start <= address) {
        this.list.add(vma.start, vma.end, PE.PRESENT);
        this.#index++;
      } else if (vma.end <= address) this.#index++;
      else return vma;
    }
  }
}
