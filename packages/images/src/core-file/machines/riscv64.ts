import type { Machine } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { concat, littleEndian } from '../pack.js';

const { words32, words64 } = littleEndian;

export const riscv64: Machine = {
  machine: 243,
  word: 8,
  // EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE
  flags: 5,
  registers({ tiRiscv64 }) {
    if (tiRiscv64 === undefined) return undefined;
    const r = tiRiscv64.gpregs;
    const general = words64([r.pc, r.ra, r.sp, r.gp, r.tp, r.t0, r.t1, r.t2, r.s0, r.s1, r.a0, r.a1, r.a2, r.a3, r.a4, r.a5, r.a6, r.a7, r.s2, r.s3, r.s4, r.s5, r.s6, r.s7, r.s8, r.s9, r.s10, r.s11, r.t3, r.t4, r.t5, r.t6]);
    return { general, notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: concat(264, words64(tiRiscv64.fpsimd.f, 32), words32([tiRiscv64.fpsimd.fcsr])) }] };
  },
};
