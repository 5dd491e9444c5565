import type { Machine } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { concat, exactly, littleEndian } from '../pack.js';

const { words32, words64 } = littleEndian;

export const loongarch64: Machine = {
  machine: 258,
  word: 8,
  // LP64, hard float, object ABI 1
  flags: 0x43,
  registers({ tiLoongarch64 }) {
    if (tiLoongarch64 === undefined) return undefined;
    const { gpregs, fpregs } = tiLoongarch64;
    // user_pt_regs: 32 registers, orig_a0, csr_era, csr_badv, ten reserved.
    const general = words64([...exactly(gpregs.regs, 32), 0n, gpregs.pc], 45);
    return { general, notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: concat(272, words64(fpregs.regs, 32), words64([fpregs.fcc]), words32([fpregs.fcsr])) }] };
  },
};
