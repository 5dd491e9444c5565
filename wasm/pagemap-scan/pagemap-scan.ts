import { checkRange, instantiate, oncePerMemory } from '../memory.js';
import type { Memory, Region } from '../memory.js';
import { module } from './pagemap-scan.wasm.js';

/**
 * Which pages count, told by the bits of their words in /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst);
 * the masks mean what they mean in PAGEMAP_SCAN.
 */
export interface PageFilter {
  /** these bits are flipped first */
  readonly inverted?: bigint;
  /** then all of these must be set */
  readonly all?: bigint;
  /** and, where there are any here, one of these */
  readonly any?: bigint;
  /** a present page with this frame does not count: the zero page's, where frames can be seen */
  readonly skipFrame?: bigint;
}

/** Bits of a pagemap word. */
export const PAGEMAP_BITS = {
  softDirty: 1n << 55n,
  exclusive: 1n << 56n,
  uffdWriteProtected: 1n << 57n,
  guard: 1n << 58n,
  fileOrShared: 1n << 61n,
  swapped: 1n << 62n,
  present: 1n << 63n,
} as const;

export interface PagemapScan {
  /**
   * Finds the runs of counting pages among the first `pages` words of the region.
   * `runs` receives pairs of u32 (index of the first page, number of pages), as many as fit. `scanned` tells how many
   * pages were looked at: less than `pages` where `runs` was full, and then the next scan begins there.
   */
  scan(words: Region, pages: number, filter: PageFilter, runs: Region): { runs: number; scanned: number };
}

interface Exports {
  pagemap_scan(words: number, pages: number, filter: number, runs: number, room: number, scanned: number): number;
}

const WORD = 8;
const RUN = 8;
const FILTER_BYTES = 4 * 8;

/** Keeps a few bytes of the memory for the filter, for good. */
export const openPagemapScan: (memory: Memory) => PagemapScan = oncePerMemory((memory) => {
  const exports = instantiate<Exports>(module, memory);
  const scratch = exports && memory.reserve(FILTER_BYTES + 4);
  return {
    scan(words, pages, filter, runs) {
      checkRange(words, 0, pages * WORD);
      const room = Math.floor(runs.length / RUN);
      if (exports === undefined) return plainScan(new BigUint64Array(memory.buffer, words.address, pages), filter, new Uint32Array(memory.buffer, runs.address, room * 2));
      const { inverted, all, any, skipFrame } = masksOf(filter);
      new BigUint64Array(memory.buffer, scratch, 4).set([inverted, all, any, skipFrame]);
      const found = exports.pagemap_scan(words.address, pages, scratch!, runs.address, room, scratch! + FILTER_BYTES);
      return { runs: found, scanned: new Uint32Array(memory.buffer, scratch! + FILTER_BYTES, 1)[0]! };
    },
  };
});

const masksOf = ({ inverted = 0n, all = 0n, any = 0n, skipFrame = 0n }: PageFilter): Required<PageFilter> => ({ inverted, all, any, skipFrame });

const FRAME = (1n << 55n) - 1n;

/** The same without WebAssembly: the tests' oracle, and the way where there is none. */
export function plainScan(words: BigUint64Array, filter: PageFilter, runs: Uint32Array): { runs: number; scanned: number } {
  const { inverted, all, any, skipFrame } = masksOf(filter);
  const counts = (word: bigint): boolean => {
    const flipped = word ^ inverted;
    if ((flipped & all) !== all || (any !== 0n && (flipped & any) === 0n)) return false;
    return skipFrame === 0n || (word & PAGEMAP_BITS.present) === 0n || (word & FRAME) !== skipFrame;
  };
  let found = 0;
  let first = -1;
  for (let at = 0; at <= words.length; at++) {
    const inRun = at < words.length && counts(words[at]!);
    if (inRun && first < 0) {
      if (found * 2 === runs.length) return { runs: found, scanned: at };
      first = at;
    } else if (!inRun && first >= 0) {
      runs[found * 2] = first;
      runs[found * 2 + 1] = at - first;
      found++;
      first = -1;
    }
  }
  return { runs: found, scanned: words.length };
}
