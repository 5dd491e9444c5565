import type { Machine } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { bigEndian, concat, exactly } from '../pack.js';

const NT_S390_SYSTEM_CALL = 0x307;
const NT_S390_VXRS_LOW = 0x309;
const NT_S390_VXRS_HIGH = 0x30a;
const NT_S390_GS_CB = 0x30b;
const NT_S390_GS_BC = 0x30c;
const NT_S390_RI_CB = 0x30d;
const { words32, words64 } = bigEndian;

/** The only big-endian machine that CRIU knows. */
export const s390x: Machine = {
  machine: 22,
  word: 8,
  bigEndian: true,
  flags: 0,
  registers({ tiS390 }) {
    if (tiS390 === undefined) return undefined;
    const { gpregs, fpregs, vxrsLow, vxrsHigh, gsCb, gsBc, riCb } = tiS390;
    // s390_regs, asm/ptrace.h: the PSW, 16 general and 16 access registers, what r2 was before a system call.
    const acrs = Array.from({ length: 16 }, (_, i) => gpregs.acrs[i] ?? 0);
    const general = concat(216, words64([gpregs.pswMask, gpregs.pswAddr, ...exactly(gpregs.gprs, 16)]), words32(acrs), words64([gpregs.origGpr2]));
    const sets = [
      [NT_S390_SYSTEM_CALL, words32([gpregs.systemCall])],
      [NT_S390_VXRS_LOW, vxrsLow && words64(vxrsLow.regs, 16)],
      [NT_S390_VXRS_HIGH, vxrsHigh && words64(vxrsHigh.regs, 32)],
      [NT_S390_GS_CB, gsCb && words64(gsCb.regs, 4)],
      [NT_S390_GS_BC, gsBc && words64(gsBc.regs, 4)],
      [NT_S390_RI_CB, riCb && words64(riCb.regs, 8)],
    ] as const;
    return {
      general,
      notes: [
        { name: 'CORE', type: NT_FPREGSET, bytes: concat(136, words32([fpregs.fpc, 0]), words64(fpregs.fprs, 16)) },
        ...sets.flatMap(([type, bytes]) => (bytes === undefined ? [] : [{ name: 'LINUX' as const, type, bytes }])),
      ],
    };
  },
};
