/** `status` of vma_entry: what kind of mapping it is (an interface of the image format; criu/include/image.h has the same bits). */
export const VMA = {
  REGULAR: 1 << 0,
  VSYSCALL: 1 << 2,
  VDSO: 1 << 3,
  HEAP: 1 << 5,
  FILE_PRIVATE: 1 << 6,
  FILE_SHARED: 1 << 7,
  ANON_SHARED: 1 << 8,
  ANON_PRIVATE: 1 << 9,
  SYSVIPC: 1 << 10,
  SOCKET: 1 << 11,
  VVAR: 1 << 12,
  AIORING: 1 << 13,
  MEMFD: 1 << 14,
  SHSTK: 1 << 15,
  GUARD: 1 << 16,
  UPROBES: 1 << 17,
  EXT_PLUGIN: 1 << 27,
} as const;

export const PAGE = 4096;

/** End of the user's half of the address space with 4-level tables; above it only [vsyscall]. */
export const TASK_SIZE = 0x7fff_ffff_f000;

/** The kernel's flags of pagemap_entry. */
export const PE = { PARENT: 1, LAZY: 2, PRESENT: 4 } as const;
