/** Bits of vma_entry.status, as far as they are told apart here. */
export const VMA = {
  regular: 1 << 0,
  stack: 1 << 1,
  vsyscall: 1 << 2,
  vdso: 1 << 3,
  heap: 1 << 5,
  filePrivate: 1 << 6,
  fileShared: 1 << 7,
  anonShared: 1 << 8,
  anonPrivate: 1 << 9,
  sysvIpc: 1 << 10,
  socket: 1 << 11,
  vvar: 1 << 12,
  aioRing: 1 << 13,
  memfd: 1 << 14,
  shadowStack: 1 << 15,
  /** not a mapping, but guard pages within one (madvise(2) MADV_GUARD_INSTALL) */
  guard: 1 << 16,
} as const;

/** mman.h */
export const PROT = { read: 1, write: 2, exec: 4 } as const;
export const MAP_GROWSDOWN = 0x100;

export const address = (value: bigint): string => value.toString(16).padStart(8, '0');
