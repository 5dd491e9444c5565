// "VmFlags:" of /proc/PID/smaps: two-letter codes (fs/proc/task_mmu.c show_smap_vma_flags, proc(5)).

/** The codes and the kernel's names of the flags. */
export const VM_FLAG = {
  rd: 'VM_READ',
  wr: 'VM_WRITE',
  ex: 'VM_EXEC',
  sh: 'VM_SHARED',
  mr: 'VM_MAYREAD',
  mw: 'VM_MAYWRITE',
  me: 'VM_MAYEXEC',
  ms: 'VM_MAYSHARE',
  gd: 'VM_GROWSDOWN',
  pf: 'VM_PFNMAP',
  dw: 'VM_DENYWRITE',
  lo: 'VM_LOCKED',
  io: 'VM_IO',
  sr: 'VM_SEQ_READ',
  rr: 'VM_RAND_READ',
  dc: 'VM_DONTCOPY',
  de: 'VM_DONTEXPAND',
  lf: 'VM_LOCKONFAULT',
  ac: 'VM_ACCOUNT',
  nr: 'VM_NORESERVE',
  ht: 'VM_HUGETLB',
  sf: 'VM_SYNC',
  nl: 'VM_NONLINEAR',
  ar: 'VM_ARCH_1',
  wf: 'VM_WIPEONFORK',
  dd: 'VM_DONTDUMP',
  sd: 'VM_SOFTDIRTY',
  mm: 'VM_MIXEDMAP',
  hg: 'VM_HUGEPAGE',
  nh: 'VM_NOHUGEPAGE',
  mg: 'VM_MERGEABLE',
  um: 'VM_UFFD_MISSING',
  uw: 'VM_UFFD_WP',
  ui: 'VM_UFFD_MINOR',
  ss: 'VM_SHADOW_STACK',
  sl: 'VM_SEALED',
  dp: 'VM_DROPPABLE',
  gu: 'VM_MAYBE_GUARD',
  bt: 'VM_ARM64_BTI',
  mt: 'VM_MTE',
} as const;

export type VmFlagCode = keyof typeof VM_FLAG;

/** The flags of a mapping. Mappings with the same flags share one object. */
export class VmFlags {
  /** As the kernel shows them: "rd wr mr mw me ac". */
  readonly text: string;
  /** Codes that VM_FLAG does not list: features of newer kernels. */
  readonly unknown: readonly string[];
  readonly #codes: ReadonlySet<string>;

  private constructor(text: string) {
    this.text = text;
    this.#codes = new Set(text === '' ? [] : text.split(' '));
    this.unknown = [...this.#codes].filter((code) => !Object.hasOwn(VM_FLAG, code));
  }

  has(code: VmFlagCode): boolean {
    return this.#codes.has(code);
  }

  static readonly #known = new Map<string, VmFlags>();

  static parse(text: string): VmFlags {
    let flags = VmFlags.#known.get(text);
    if (flags === undefined) {
      // A copy: a slice would keep the whole file alive.
      const copy = Buffer.from(text, 'latin1').toString('latin1');
      flags = new VmFlags(copy.trim());
      VmFlags.#known.set(copy, flags);
    }
    return flags;
  }
}
