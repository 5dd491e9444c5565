// Documentation/admin-guide/mm/pagemap.rst, PAGEMAP_SCAN in linux/fs.h (6.7)
import { _IOWR } from './ioctl-number.js';
import { defineStruct, ptr, type StructValue, u64 } from './struct.js';

/** Category bits of PAGEMAP_SCAN (linux/fs.h). */
export const PAGE_IS = {
  WPALLOWED: 0x1,
  WRITTEN: 0x2,
  FILE: 0x4,
  PRESENT: 0x8,
  SWAPPED: 0x10,
  PFNZERO: 0x20,
  HUGE: 0x40,
  SOFT_DIRTY: 0x80,
  GUARD: 0x100,
} as const;
/** pm_scan_arg.flags */
export const PM_SCAN = { WP_MATCHING: 0x1, CHECK_WPASYNC: 0x2 } as const;
/** High bits of a 64-bit pagemap entry, by their number; bits 0…54 hold the frame or swap entry. */
export const PM_BIT = { SOFT_DIRTY: 55, MMAP_EXCLUSIVE: 56, UFFD_WP: 57, GUARD: 58, FILE: 61, SWAP: 62, PRESENT: 63 } as const;

/** One run of pages with the same categories. */
export const page_region = /* @__PURE__ */ defineStruct(
  'page_region',
  {
    start: ptr,
    end: ptr,
    categories: u64,
  },
  { size: 24, header: 'linux/fs.h', since: { '*': '6.7' } },
);

export const pm_scan_arg = /* @__PURE__ */ defineStruct(
  'pm_scan_arg',
  {
    /** 96 */
    size: u64,
    flags: u64,
    start: ptr,
    end: ptr,
    /** out: where the walk stopped */
    walk_end: ptr,
    /** array of page_region */
    vec: ptr,
    /** regions */
    vec_len: u64,
    /** 0: no limit */
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
  },
  { size: 96, header: 'linux/fs.h', since: { '*': '6.7' } },
);

export type PmScanArg = StructValue<typeof pm_scan_arg>;

export const PAGEMAP_SCAN = /* @__PURE__ */ _IOWR(0x66, 16, pm_scan_arg.size);
