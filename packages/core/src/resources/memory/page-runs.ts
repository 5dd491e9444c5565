import { MAP, PAGE_IS, PAGEMAP_SCAN, page_region, pm_scan_arg, PROT, SYS } from '@criu-ts/kernel/abi';
import { addressOf, Memory, open, type OwnedFd, preadFully, sys, SyscallFailed, tryIoctl, viewAt } from '@criu-ts/kernel/sys';
import { openPagemapScan, PAGEMAP_BITS, threadMemory } from '@criu-ts/wasm';
import { PAGE } from './vma-status.js';

const ENOTTY = 25;
const EINTR = 4;
const EINVAL = 22;
/** Runs that one ioctl tells. */
const REGIONS = 16 * 1024;

/** A run of pages: first byte, and the byte behind the last. */
export type RunVisitor = (start: number, end: number) => void;

export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Visits, in order of address, the pages that only the process itself holds: present or swapped out, neither a file's
 * nor the zero page. Pages of shared mappings are files' pages. Runs may begin before a range and end behind it.
 * @param pagemap /proc/PID/pagemap  @param ranges in order of address
 * @param guard is told of guard pages (madvise(2) MADV_GUARD_INSTALL)  @param around where these may be: in any mapping
 */
export function scanPrivatePages(pagemap: OwnedFd, ranges: readonly AddressRange[], visit: RunVisitor, guard: RunVisitor = () => undefined, around?: AddressRange): void {
  const first = ranges[0];
  const last = ranges.at(-1);
  if (first === undefined || last === undefined) return;
  if (!scanByIoctl(pagemap, around ?? { start: first.start, end: last.end }, visit, guard)) for (const range of ranges) scanByWords(pagemap, range, visit);
}

let memory: { readonly args: Memory; readonly regions: Memory } | undefined;

/** Linux 6.15 tells guard pages, which are "swapped" else; there are none before 6.13. */
let tellsGuards = true;

/** PAGEMAP_SCAN skips what is not mapped by itself. @returns false where the kernel lacks it (before 6.7) */
function scanByIoctl(pagemap: OwnedFd, { start, end }: AddressRange, visit: RunVisitor, guard: RunVisitor): boolean {
  const { args, regions } = (memory ??= { args: new Memory(pm_scan_arg.size), regions: new Memory(REGIONS * page_region.size) });
  const neither = BigInt(PAGE_IS.FILE | PAGE_IS.PFNZERO);
  // Seen on 6.18 with many regions: where a walk was broken off, the next one tells the last region again.
  let seen = start;
  for (let at = start; at < end; ) {
    pm_scan_arg.write(args.view, 0, {
      size: BigInt(pm_scan_arg.size),
      start: at,
      end,
      vec: regions.address,
      vec_len: BigInt(REGIONS),
      category_inverted: neither,
      category_mask: neither,
      category_anyof_mask: BigInt(PAGE_IS.PRESENT | PAGE_IS.SWAPPED),
      // Regions are cut where these change; FILE never does, as it was asked away.
      return_mask: BigInt(PAGE_IS.FILE | (tellsGuards ? PAGE_IS.GUARD : 0)),
    });
    const count = tryIoctl(pagemap, PAGEMAP_SCAN, args.address);
    if (count === -ENOTTY) return false;
    if (count === -EINTR) continue;
    if (count === -EINVAL && tellsGuards) {
      tellsGuards = false;
      continue;
    }
    if (count < 0) throw new SyscallFailed('ioctl(PAGEMAP_SCAN)', -count);
    const { view } = regions;
    for (let i = 0; i < count; i++) {
      const from = Math.max(seen, addressAt(view, i * page_region.size));
      const to = addressAt(view, i * page_region.size + 8);
      const isGuard = (view.getUint32(i * page_region.size + 16, true) & PAGE_IS.GUARD) !== 0;
      if (from < to) (isGuard ? guard : visit)(from, to);
      seen = Math.max(seen, to);
    }
    const walked = pm_scan_arg.read(args.view, 0).walk_end;
    if (walked <= at) break;
    at = walked;
  }
  return true;
}

function addressAt(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 0x1_0000_0000;
}

/** Words of /proc/PID/pagemap that are looked at together: 64 MiB of address space. */
const WORDS = 16 * 1024;
const WORD = 8;
const RUN = 8;

/** The way of older kernels: a word for each page, read into WebAssembly's memory and looked through there. */
export function scanByWords(pagemap: OwnedFd, { start, end }: AddressRange, visit: RunVisitor): void {
  const wasm = threadMemory();
  const scan = openPagemapScan(wasm);
  using words = wasm.allocate(WORDS * WORD);
  using runs = wasm.allocate(WORDS * RUN);
  const filter = { inverted: PAGEMAP_BITS.fileOrShared, all: PAGEMAP_BITS.fileOrShared, any: PAGEMAP_BITS.present | PAGEMAP_BITS.swapped, skipFrame: zeroPageFrame() };
  for (let at = start; at < end; at += WORDS * PAGE) {
    const pages = Math.min(WORDS, (end - at) / PAGE);
    const count = preadFully(pagemap, addressOf(wasm.buffer) + words.address, pages * WORD, (at / PAGE) * WORD);
    if (count !== pages * WORD) throw new SyscallFailed('pread(/proc/PID/pagemap)', 5);
    // As many runs fit as there are pages: one look is enough.
    const { runs: found } = scan.scan(words, pages, filter, runs);
    const pairs = new Uint32Array(wasm.buffer, runs.address, 2 * found);
    for (let i = 0; i < pairs.length; i += 2) {
      const first = at + (pairs[i] as number) * PAGE;
      visit(first, first + (pairs[i + 1] as number) * PAGE);
    }
  }
}

let zeroFrame: bigint | undefined;
const FRAME = (1n << 55n) - 1n;

/** The frame of the zero page, as a fresh page of ours that was only read shows it; 0 where frames are hidden from us. */
function zeroPageFrame(): bigint {
  if (zeroFrame !== undefined) return zeroFrame;
  const page = sys(SYS.mmap, 0, PAGE, PROT.READ, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  try {
    // Reading it is what maps the zero page there.
    void new Uint8Array(viewAt(page, PAGE))[0];
    using pagemap = open('/proc/self/pagemap', 0);
    const word = new Memory(WORD);
    preadFully(pagemap, word.address, WORD, (page / PAGE) * WORD);
    zeroFrame = word.view.getBigUint64(0, true) & FRAME;
    return zeroFrame;
  } finally {
    sys(SYS.munmap, page, PAGE);
  }
}
