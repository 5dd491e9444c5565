/** Bits of vma_entry.status, as far as listings tell them apart. */
export const VMA = {
  regular: 1 << 0,
  stack: 1 << 1,
  vsyscall: 1 << 2,
  vdso: 1 << 3,
  filePrivate: 1 << 6,
  fileShared: 1 << 7,
  anonShared: 1 << 8,
  sysvIpc: 1 << 10,
  socket: 1 << 11,
} as const;

/** mman.h */
export const PROT = { read: 1, write: 2, exec: 4 } as const;
export const MAP_GROWSDOWN = 0x100;

export const address = (value: bigint): string => value.toString(16).padStart(8, '0');
