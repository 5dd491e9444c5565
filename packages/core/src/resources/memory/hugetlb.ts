// Huge pages of hugetlbfs (Documentation/admin-guide/mm/hugetlbpage.rst): taken from a pool that the administrator fills.
import type { mm_entry } from '@criu-ts/images';
import { FS_MAGIC, HUGE_MASK, HUGE_SHIFT, MAP } from '@criu-ts/kernel/abi';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import { readdirSync, readFileSync } from 'node:fs';
import { HostLacks } from '../../errors.js';
import { fsTypeOf } from '../../files/paths.js';

/** The size of huge pages as mmap(2), memfd_create(2) and shmget(2) take it, among their flags. @param bytes a power of two */
export function hugeSizeFlag(bytes: number): number {
  return Math.log2(bytes) * 2 ** HUGE_SHIFT;
}

/** Bytes of a page, as such flags tell it; 0: the host's default. */
function sizeOfFlag(flags: number): number {
  const log = (flags >>> HUGE_SHIFT) & HUGE_MASK;
  return log === 0 ? 0 : 2 ** log;
}

/** The same; the default looked up. */
export const hugePageSize = (flags: number): number => sizeOfFlag(flags) || defaultSize();

/** What of a mapping's flags has to do with huge pages. */
export function hugeFlags(flags: number): number {
  return flags & MAP.HUGETLB ? MAP.HUGETLB | (flags & (HUGE_MASK << HUGE_SHIFT)) : 0;
}

export const isHugetlb = (file: OwnedFd): boolean => fsTypeOf(file) === FS_MAGIC.HUGETLBFS_MAGIC;

/** Bytes that private mappings and shared objects take from the pools, by the size of the pages. */
export type HugePageNeeds = Map<number, number>;

/** @param flags as for mmap(2) or memfd_create(2) */
export function needHugePages(needs: HugePageNeeds, flags: number, bytes: number): void {
  const size = hugePageSize(flags);
  needs.set(size, (needs.get(size) ?? 0) + bytes);
}

/** Of a process's own. The kernel reserves pages for all of a mapping, where it wasn't told not to. */
export function needForPrivate(needs: HugePageNeeds, { vmas }: mm_entry): void {
  for (const { flags, start, end } of vmas) {
    if (flags & MAP.HUGETLB && (flags & MAP.TYPE) === MAP.PRIVATE && !(flags & MAP.NORESERVE)) needHugePages(needs, flags, Number(end - start));
  }
}

const POOLS = '/sys/kernel/mm/hugepages';

/** @throws HostLacks where the pools have not as many */
export function checkHugePages(needs: HugePageNeeds): void {
  for (const [size, bytes] of needs) {
    const pool = `${POOLS}/hugepages-${size / 1024}kB`;
    const count = (name: string): number => Number(readFileSync(`${pool}/${name}`, 'latin1'));
    if (size === 0 || !poolsOf().includes(`hugepages-${size / 1024}kB`)) {
      throw new HostLacks('hugetlb', `huge pages of ${size / 1024} kB are not to be had`, { why: 'the images have memory of them', hint: 'restore on a host, or kernel, that has them' });
    }
    const needed = Math.ceil(bytes / size);
    const available = count('free_hugepages') - count('resv_hugepages') + Math.max(0, count('nr_overcommit_hugepages') - count('surplus_hugepages'));
    if (available < needed) {
      throw new HostLacks('hugetlb', `${needed} huge pages of ${size / 1024} kB are needed, ${available} are free`, { hint: `echo ${count('nr_hugepages') + needed - available} > ${pool}/nr_hugepages` });
    }
  }
}

function poolsOf(): string[] {
  try {
    return readdirSync(POOLS);
  } catch {
    // A kernel without CONFIG_HUGETLBFS.
    return [];
  }
}

/** 0: there are none. */
function defaultSize(): number {
  return Number(/^Hugepagesize:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0) * 1024;
}
