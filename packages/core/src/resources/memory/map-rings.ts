// Rings of io_uring: the kernel maps them wherever it likes (io_uring_get_unmapped_area refuses every address, and so
// mremap(2) too). So it is left no choice: all of the address space but the wanted place is taken for a moment.
import type { vma_entry } from '@criu-ts/images';
import { MAP, PROT, SYS } from '@criu-ts/kernel/abi';
import type { Batch, Ref } from '@criu-ts/tracee';
import { TASK_SIZE } from './vma-status.js';

/** Below it nobody may map anything (vm.mmap_min_addr has 64 KiB in every distribution; root may go lower). */
const LOWEST = 0x1_0000;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Adds the calls that map rings, each at its place, into an address space that is empty but for `ours`.
 * @param rings in order of address  @param fileOf gives the puppet a descriptor of the ring
 */
export function mapRings(batch: Batch, rings: readonly vma_entry[], ours: readonly Range[], fileOf: (vma: vma_entry) => Ref): void {
  if (rings.length === 0) return;
  batch.doing('leave room for nothing but a ring');
  for (const { start, end } of gaps(ours)) batch.expect(start, SYS.mmap, start, end - start, PROT.NONE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.NORESERVE | MAP.FIXED, -1, 0);
  for (const vma of rings) {
    const fd = fileOf(vma);
    const start = Number(vma.start);
    const length = Number(vma.end) - start;
    batch.doing('map a ring').call(SYS.munmap, start, length);
    batch.expect(start, SYS.mmap, 0, length, vma.prot, MAP.SHARED, fd, vma.pgoff);
  }
  const taken = [...rings.map(({ start, end }) => ({ start: Number(start), end: Number(end) })), ...ours];
  batch.doing('give the room back');
  for (const { start, end } of gaps(taken)) batch.call(SYS.munmap, start, end - start);
}

/** What lies between these ranges, and around them. */
export function gaps(ranges: readonly Range[], from = LOWEST): Range[] {
  const found: Range[] = [];
  let at = from;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (start > at) found.push({ start: at, end: start });
    at = Math.max(at, end);
  }
  if (at < TASK_SIZE) found.push({ start: at, end: TASK_SIZE });
  return found;
}
