// mmap(2), linux/mman.h, linux/memfd.h
import { defineStruct, ptr } from './struct.js';

export const PROT = {
  READ: 0x1,
  WRITE: 0x2,
  EXEC: 0x4,
  SEM: 0x8,
  NONE: 0x0,
  GROWSDOWN: 0x1000000,
  GROWSUP: 0x2000000,
} as const;

export const MAP = {
  '32BIT': 0x40,
  TYPE: 0xf,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  POPULATE: 0x8000,
  NONBLOCK: 0x10000,
  STACK: 0x20000,
  HUGETLB: 0x40000,
  SYNC: 0x80000,
  FIXED_NOREPLACE: 0x100000,
  UNINITIALIZED: 0x4000000,
  FILE: 0x0,
  GROWSDOWN: 0x100,
  DENYWRITE: 0x800,
  EXECUTABLE: 0x1000,
  LOCKED: 0x2000,
  NORESERVE: 0x4000,
  SHARED: 0x1,
  PRIVATE: 0x2,
  SHARED_VALIDATE: 0x3,
  DROPPABLE: 0x8,
  ABOVE4G: 0x80,
} as const;

export const MREMAP = {
  MAYMOVE: 0x1,
  FIXED: 0x2,
  DONTUNMAP: 0x4,
} as const;

/** msync(2); the mount flags are MS_MOUNT of mount.ts. */
export const MS = {
  ASYNC: 0x1,
  INVALIDATE: 0x2,
  SYNC: 0x4,
} as const;

export const MADV = {
  NORMAL: 0,
  RANDOM: 1,
  SEQUENTIAL: 2,
  WILLNEED: 3,
  DONTNEED: 4,
  FREE: 8,
  REMOVE: 9,
  DONTFORK: 10,
  DOFORK: 11,
  HWPOISON: 100,
  SOFT_OFFLINE: 101,
  MERGEABLE: 12,
  UNMERGEABLE: 13,
  HUGEPAGE: 14,
  NOHUGEPAGE: 15,
  DONTDUMP: 16,
  DODUMP: 17,
  WIPEONFORK: 18,
  KEEPONFORK: 19,
  COLD: 20,
  PAGEOUT: 21,
  POPULATE_READ: 22,
  POPULATE_WRITE: 23,
  DONTNEED_LOCKED: 24,
  COLLAPSE: 25,
  GUARD_INSTALL: 102,
  GUARD_REMOVE: 103,
} as const;

export const MCL = {
  CURRENT: 0x1,
  FUTURE: 0x2,
  ONFAULT: 0x4,
} as const;

export const MLOCK = {
  ONFAULT: 0x1,
} as const;

export const PKEY = {
  DISABLE_ACCESS: 0x1,
  DISABLE_WRITE: 0x2,
  ACCESS_MASK: 0x3,
} as const;

export const MFD = {
  CLOEXEC: 0x1,
  ALLOW_SEALING: 0x2,
  HUGETLB: 0x4,
  NOEXEC_SEAL: 0x8,
  EXEC: 0x10,
} as const;

/** Huge page sizes in MAP flags and MFD flags: log2(bytes) << MAP.HUGE_SHIFT (asm-generic/hugetlb_encode.h). */
export const HUGE_SHIFT = 26;
export const HUGE_MASK = 0x3f;

export const iovec = /* @__PURE__ */ defineStruct(
  'iovec',
  {
    iov_base: ptr,
    iov_len: ptr,
  },
  { size: 16, header: 'linux/uio.h' },
);
