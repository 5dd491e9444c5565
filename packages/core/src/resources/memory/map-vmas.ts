import type { mm_entry, vma_entry } from '@criu-ts/images';
import { MADV, MAP, MLOCK, PR, PROT, SYS } from '@criu-ts/kernel/abi';
import type { Batch, Ref } from '@criu-ts/tracee';
import { HUGE_PAGE_ADVICE, type Region } from './heritage.js';
import { hugeFlags } from './hugetlb.js';
import type { StoredRun } from './stored-pages.js';
import { VMA } from './vma-status.js';

/** The kernel makes these itself: they are moved, or are there in every process. */
const KERNELS = VMA.VSYSCALL | VMA.VDSO | VMA.VVAR;
/** Flags that mmap(2) takes back as the image has them; locking comes when the pages are there. */
const MAP_FLAGS = MAP.SHARED | MAP.PRIVATE | MAP.GROWSDOWN | MAP.NORESERVE | MAP.DROPPABLE;

/** Gives the puppet a descriptor of the file (or shared memory object) that a mapping needs. */
export type MappedFile = (vma: vma_entry) => Ref;

/** Maps what relatives will cut their mappings out of: writable, and where nothing is. */
export function mapRegions(batch: Batch, regions: readonly Region[], fileOf: MappedFile): void {
  for (const { start, end, like } of regions) {
    const offset = like.pgoff - like.start + BigInt(start);
    mapVma(batch, { ...like, start: BigInt(start), end: BigInt(end), pgoff: offset, prot: PROT.READ | PROT.WRITE }, false, fileOf);
    for (const advice of HUGE_PAGE_ADVICE) if ((like.madv ?? 0n) & (1n << BigInt(advice))) batch.doing('advise').call(SYS.madvise, start, end - start, advice);
  }
}

/** So many mappings are made before their pages are read. */
const MAPPED_AT_ONCE = 512;

/**
 * Adds the calls that make all mappings; System V segments and `mapped` ones are there already.
 * @param filled these are writable until {@link protectVmas}; see {@link filledVmas}
 * @param madeTo is told now and then up to which address all is there
 */
export function mapVmas(batch: Batch, mm: mm_entry, filled: ReadonlySet<vma_entry>, mapped: ReadonlySet<vma_entry>, fileOf: MappedFile, madeTo: (address: number) => void): void {
  for (let i = 0; i < mm.vmas.length; i++) {
    const vma = mm.vmas[i] as vma_entry;
    if (i % MAPPED_AT_ONCE === MAPPED_AT_ONCE - 1) madeTo(Number(vma.start));
    if (vma.status & (KERNELS | VMA.GUARD)) continue;
    const start = Number(vma.start);
    const length = Number(vma.end) - start;
    if (vma.status & VMA.AIORING) batch.doing('keep a place').expect(start, SYS.mmap, start, length, PROT.NONE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED, -1, 0);
    else if (!(vma.status & VMA.SYSVIPC) && !mapped.has(vma)) mapVma(batch, vma, filled.has(vma), fileOf);
    if (vma.madv !== undefined && vma.madv !== 0n) advise(batch, start, length, Number(vma.madv));
  }
  for (const vma of mm.vmas) {
    if (vma.status & VMA.GUARD) batch.doing('install guard pages').call(SYS.madvise, vma.start, vma.end - vma.start, MADV.GUARD_INSTALL);
  }
}

function mapVma(batch: Batch, vma: vma_entry, filled: boolean, fileOf: MappedFile): void {
  const start = Number(vma.start);
  const anonymous = (vma.status & VMA.ANON_PRIVATE) !== 0;
  const file = anonymous ? -1 : fileOf(vma);
  const prot = filled ? vma.prot | PROT.WRITE : vma.prot;
  const flags = (vma.flags & MAP_FLAGS) | MAP.FIXED | (anonymous ? MAP.ANONYMOUS | hugeFlags(vma.flags) : 0);
  batch.doing('map memory').expect(start, SYS.mmap, start, Number(vma.end) - start, prot, flags, file, anonymous ? 0 : vma.pgoff);
}

/** Gives them their rights, locks, names and seals: when the pages are there. @param held were cut out of regions */
export function protectVmas(batch: Batch, mm: mm_entry, filled: ReadonlySet<vma_entry>, held: ReadonlySet<vma_entry>): void {
  const writable = PROT.READ | PROT.WRITE;
  for (const vma of mm.vmas) {
    if (vma.status & (KERNELS | VMA.GUARD | VMA.AIORING)) continue;
    if (held.has(vma) ? vma.prot !== writable : filled.has(vma)) batch.doing('protect').call(SYS.mprotect, vma.start, vma.end - vma.start, vma.prot);
    const length = vma.end - vma.start;
    if (vma.flags & MAP.LOCKED) batch.doing('lock').call(SYS.mlock2, vma.start, length, vma.lockOnFault === true ? MLOCK.ONFAULT : 0);
    if (vma.anonName !== undefined) {
      // A name is for people; a kernel without CONFIG_ANON_VMA_NAME has none.
      batch.doing('name').attempt(SYS.prctl, PR.SET_VMA, PR.SET_VMA_ANON_NAME, vma.start, length, batch.string(vma.anonName));
    }
    if (vma.sealed === true) batch.doing('seal').call(SYS.mseal, vma.start, length, 0);
  }
}

/** Private mappings that are not writable but have pages of their own: written once, then protected. */
export function filledVmas(mm: mm_entry, runs: readonly StoredRun[]): ReadonlySet<vma_entry> {
  const filled = new Set<vma_entry>();
  let i = 0;
  for (const vma of mm.vmas) {
    if (vma.prot & PROT.WRITE || vma.status & KERNELS) continue;
    const start = Number(vma.start);
    while (i < runs.length && (runs[i] as StoredRun).address + (runs[i] as StoredRun).length <= start) i++;
    const run = runs[i];
    if (run !== undefined && run.address < Number(vma.end)) filled.add(vma);
  }
  return filled;
}

const HIGHEST_ADVICE = 31;

function advise(batch: Batch, start: number, length: number, bits: number): void {
  for (let advice = 0; advice <= HIGHEST_ADVICE; advice++) {
    if (bits & (1 << advice)) batch.doing('advise').call(SYS.madvise, start, length, advice);
  }
}
