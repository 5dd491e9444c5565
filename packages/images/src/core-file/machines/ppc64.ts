import type { Machine, RegisterNotes } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { concat, exactly, littleEndian } from '../pack.js';

const NT_PPC_VMX = 0x100;
const NT_PPC_VSX = 0x102;
const { words32, words64 } = littleEndian;

export const ppc64: Machine = {
  machine: 21,
  word: 8,
  // the second ABI, which little-endian machines have
  flags: 2,
  registers({ tiPpc64 }) {
    if (tiPpc64 === undefined) return undefined;
    const r = tiPpc64.gpregs;
    // pt_regs, asm/ptrace.h: softe, trap, dar, dsisr and result follow ccr in 48 words.
    const general = words64([...exactly(r.gpr, 32), r.nip, r.msr, r.origGpr3, r.ctr, r.link, r.xer, r.ccr, 1n, r.trap], 48);
    const notes: RegisterNotes['notes'][number][] = [];
    if (tiPpc64.fpstate) notes.push({ name: 'CORE', type: NT_FPREGSET, bytes: words64(tiPpc64.fpstate.fpregs, 33) });
    if (tiPpc64.vrstate) notes.push({ name: 'LINUX', type: NT_PPC_VMX, bytes: concat(544, words64(tiPpc64.vrstate.vrregs, 66), words32([tiPpc64.vrstate.vrsave])) });
    if (tiPpc64.vsxstate) notes.push({ name: 'LINUX', type: NT_PPC_VSX, bytes: words64(tiPpc64.vsxstate.vsxregs, 32) });
    return { general, notes };
  },
};
