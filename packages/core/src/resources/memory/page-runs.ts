import { PAGE_IS, PAGEMAP_SCAN, page_region, pm_scan_arg } from '@criu-ts/kernel/abi';
import { Memory, type OwnedFd, SyscallFailed, tryIoctl } from '@criu-ts/kernel/sys';

const ENOTTY = 25;
const EINTR = 4;
const REGIONS = 16 * 1024;
let args: Memory | undefined;
let regions: Memory | undefined;

/** A run of pages: first byte, and the byte behind the last. */
export type RunVisitor = (start: number, end: number) => void;

/**
 * Visits, in order of address, the pages of a range that only the process itself holds: present or swapped out,
 * neither a file's nor the zero page. Those of shared mappings are files' pages.
 * @param pagemap /proc/PID/pagemap
 * @returns false where the kernel has no PAGEMAP_SCAN (before 6.7)
 */
export function scanPrivatePages(pagemap: OwnedFd, start: number, end: number, visit: RunVisitor): boolean {
  args ??= new Memory(pm_scan_arg.size);
  regions ??= new Memory(REGIONS * page_region.size);
  for (let at = start; at < end; ) {
    pm_scan_arg.write(args.view, 0, {
      size: BigInt(pm_scan_arg.size),
      start: at,
      end,
      vec: regions.address,
      vec_len: BigInt(REGIONS),
      category_inverted: BigInt(PAGE_IS.FILE | PAGE_IS.PFNZERO),
      category_mask: BigInt(PAGE_IS.FILE | PAGE_IS.PFNZERO),
      category_anyof_mask: BigInt(PAGE_IS.PRESENT | PAGE_IS.SWAPPED),
      return_mask: BigInt(PAGE_IS.FILE),
    });
    const count = tryIoctl(pagemap, PAGEMAP_SCAN, args.address);
    if (count === -ENOTTY) return false;
    if (count === -EINTR) continue;
    if (count < 0) throw new SyscallFailed('ioctl(PAGEMAP_SCAN)', -count);
    const words = new DataView(regions.buffer);
    for (let i = 0; i < count; i++) {
      const first = words.getUint32(i * 24, true) + words.getUint32(i * 24 + 4, true) * 0x1_0000_0000;
      const last = words.getUint32(i * 24 + 8, true) + words.getUint32(i * 24 + 12, true) * 0x1_0000_0000;
      visit(first, last);
    }
    const walked = pm_scan_arg.read(args.view, 0).walk_end;
    if (walked <= at) break;
    at = walked;
  }
  return true;
}
