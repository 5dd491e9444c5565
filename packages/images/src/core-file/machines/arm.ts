import type { Machine } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { concat, littleEndian } from '../pack.js';

const NT_ARM_VFP = 0x400;
const NT_ARM_TLS = 0x401;
const { words32, words64 } = littleEndian;
const u32 = (value: number): Uint8Array => words32([value]);

export const aarch64: Machine = {
  machine: 183,
  word: 8,
  flags: 0,
  registers({ tiAarch64 }) {
    if (tiAarch64 === undefined) return undefined;
    const { gpregs, fpsimd, tls } = tiAarch64;
    const fp = concat(528, words64(fpsimd.vregs, 64), u32(fpsimd.fpsr), u32(fpsimd.fpcr));
    return {
      general: concat(272, words64(gpregs.regs, 31), words64([gpregs.sp, gpregs.pc, gpregs.pstate])),
      notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: fp }, { name: 'LINUX', type: NT_ARM_TLS, bytes: words64([tls]) }],
    };
  },
};

export const arm: Machine = {
  machine: 40,
  word: 4,
  // EF_ARM_EABI_VER5
  flags: 0x0500_0000,
  registers({ tiArm }) {
    if (tiArm === undefined) return undefined;
    const r = tiArm.gpregs;
    const general = words32([r.r0, r.r1, r.r2, r.r3, r.r4, r.r5, r.r6, r.r7, r.r8, r.r9, r.r10, r.fp, r.ip, r.sp, r.lr, r.pc, r.cpsr, r.origR0]);
    const vfp = concat(260, words64(tiArm.fpstate.vfpRegs, 32), u32(tiArm.fpstate.fpscr));
    return { general, notes: [{ name: 'LINUX', type: NT_ARM_VFP, bytes: vfp }] };
  },
};
