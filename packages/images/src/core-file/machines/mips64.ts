import type { user_mips_fpregs_entry, user_mips_regs_entry } from '../../gen/core-mips.js';
import type { Machine } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { concat, littleEndian } from '../pack.js';

const { words32, words64 } = littleEndian;

const numbered = (registers: user_mips_regs_entry | user_mips_fpregs_entry): bigint[] => Array.from({ length: 32 }, (_, i) => registers[`r${i}` as 'r0']);

/** Little-endian, of 64 bits (the ABI n64): what CRIU runs on. */
export const mips64: Machine = {
  machine: 8,
  word: 8,
  // EF_MIPS_ARCH_64R2 | EF_MIPS_CPIC | EF_MIPS_PIC
  flags: 0x8000_0006,
  registers({ tiMips }) {
    if (tiMips === undefined) return undefined;
    const { gpregs: r, fpregs: fp } = tiMips;
    // MIPS64_EF_R0 … EF_CP0_CAUSE, asm/reg.h: 45 words.
    const general = words64([...numbered(r), r.lo, r.hi, r.cp0Epc, r.cp0Badvaddr, r.cp0Status, r.cp0Cause], 45);
    return { general, notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: concat(264, words64(numbered(fp)), words32([fp.fpuFcr31, fp.fpuId])) }] };
  },
};
