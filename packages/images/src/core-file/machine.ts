import type { core_entry } from '../gen/core.js';

/** A thread's registers as an ELF core has them, beside the general ones each set in a note of its own. */
export interface RegisterNotes {
  /** elf_gregset_t: the tail of NT_PRSTATUS */
  readonly general: Uint8Array;
  readonly notes: readonly { readonly name: 'CORE' | 'LINUX'; readonly type: number; readonly bytes: Uint8Array }[];
}

export interface Machine {
  /** e_machine, elf.h */
  readonly machine: number;
  /** an address's bytes: 8, or 4 */
  readonly word: 8 | 4;
  readonly bigEndian?: true;
  /** e_flags */
  readonly flags: number;
  /** undefined where the image holds no registers of this machine */
  registers(core: core_entry): RegisterNotes | undefined;
}

/** elf.h */
export const NT_FPREGSET = 2;
