import { core_entry_march, user_x86_regs_mode } from '../gen/index.js';
import type { core_entry } from '../gen/index.js';
import { threadInfo } from './tiny-set.js';

/** A thread of each machine that images describe, with registers that all differ, and what a debugger calls some of them. */
export interface MachineSample {
  readonly name: string;
  readonly mtype: core_entry_march;
  /** among gdb's architectures */
  readonly gdb: string;
  readonly bigEndian?: boolean;
  /** AT_HWCAP: by it gdb knows that there are vector registers */
  readonly hwcap?: bigint;
  /** a thread's registers, counted on from a number */
  readonly core: (from: number) => Partial<core_entry>;
  /** by gdb's names: general, floating-point and vector registers, as `p/x` shows them */
  readonly registers: (from: number) => Readonly<Record<string, bigint>>;
  /** sizeof(struct elf_prstatus), where in it the program counter lies, types and sizes of the notes that follow */
  readonly size: number;
  readonly pc: number;
  readonly notes: readonly (readonly [number, number])[];
}

const list = (count: number, from: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(from + i));
const named = <Name extends string>(from: number, ...names: Name[]): Record<Name, bigint> => Object.fromEntries(names.map((name, i) => [name, BigInt(from + i)])) as Record<Name, bigint>;
const named32 = <Name extends string>(from: number, ...names: Name[]): Record<Name, number> => Object.fromEntries(names.map((name, i) => [name, from + i])) as Record<Name, number>;
const registers = (from: number, ...rows: readonly (readonly [name: string, index: number])[]): Record<string, bigint> => Object.fromEntries(rows.map(([name, index]) => [name, BigInt(from + index)]));

const X86 = ['r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di', 'origAx', 'ip', 'cs', 'flags', 'sp', 'ss', 'fsBase', 'gsBase', 'ds', 'es', 'fs', 'gs'] as const;
const MIPS = Array.from({ length: 32 }, (_, i) => `r${i}` as 'r0');

export const MACHINE_SAMPLES: readonly MachineSample[] = [
  {
    name: 'x86-64',
    gdb: 'i386:x86-64',
    mtype: core_entry_march.X86_64,
    core: (from) => ({ threadInfo: { ...threadInfo, gpregs: named(from, ...X86) } }),
    registers: (from) => registers(from, ['r15', 0], ['rbp', 4], ['rbx', 5], ['rdi', 14], ['rip', 16], ['rsp', 19], ['fs_base', 21]),
    size: 336,
    pc: 112 + 16 * 8,
    notes: [[2, 512]],
  },
  {
    name: 'i386',
    gdb: 'i386',
    mtype: core_entry_march.X86_64,
    core: (from) => ({ threadInfo: { ...threadInfo, gpregs: { ...named(from, ...X86), mode: user_x86_regs_mode.COMPAT } } }),
    registers: (from) => registers(from, ['ebp', 4], ['ebx', 5], ['eax', 10], ['edi', 14], ['eip', 16], ['esp', 19]),
    size: 144,
    pc: 72 + 12 * 4,
    notes: [[0x46e6_2b7f, 512]],
  },
  {
    name: 'aarch64',
    gdb: 'aarch64',
    mtype: core_entry_march.AARCH64,
    core: (from) => ({ tiAarch64: { clearTidAddr: 0n, tls: 9n, gpregs: { regs: list(31, from), sp: BigInt(from + 31), pc: BigInt(from + 32), pstate: BigInt(from + 33) }, fpsimd: { vregs: list(64, from + 100), fpsr: 1, fpcr: 2 } } }),
    registers: (from) => ({ ...registers(from, ['x0', 0], ['x30', 30], ['sp', 31], ['pc', 32], ['v0.d.u[0]', 100], ['v31.d.u[1]', 163]), fpcr: 2n }),
    size: 392,
    pc: 112 + 32 * 8,
    notes: [[2, 528], [0x401, 8]],
  },
  {
    name: 'arm',
    gdb: 'armv7',
    mtype: core_entry_march.ARM,
    core: (from) => ({ tiArm: { clearTidAddr: 0n, tls: 1, gpregs: { ...named32(from, 'r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'fp', 'ip', 'sp', 'lr', 'pc', 'cpsr', 'origR0'), pc: from + 0x40 }, fpstate: { vfpRegs: list(32, from + 100), fpscr: 3, fpexc: 0, fpinst: 0, fpinst2: 0 } } }),
    registers: (from) => registers(from, ['r0', 0], ['r10', 10], ['r11', 11], ['sp', 13], ['lr', 14], ['pc', 0x40], ['cpsr', 16]),
    size: 148,
    pc: 72 + 15 * 4,
    notes: [[0x400, 260]],
  },
  {
    name: 'ppc64le',
    gdb: 'powerpc:common64',
    mtype: core_entry_march.PPC64,
    core: (from) => ({
      tiPpc64: {
        clearTidAddr: 0n,
        gpregs: { gpr: list(32, from), nip: BigInt(from + 32), msr: 1n, origGpr3: 1n, ctr: BigInt(from + 35), link: BigInt(from + 36), xer: 1n, ccr: 1n, trap: 1n },
        fpstate: { fpregs: list(33, from + 100) },
        vrstate: { vrregs: list(66, from + 200), vrsave: 1 },
        vsxstate: { vsxregs: list(32, from + 300) },
      },
    }),
    registers: (from) => registers(from, ['r0', 0], ['r31', 31], ['pc', 32], ['ctr', 35], ['lr', 36]),
    size: 504,
    pc: 112 + 32 * 8,
    notes: [[2, 264], [0x100, 544], [0x102, 256]],
  },
  {
    name: 's390x',
    gdb: 's390:64-bit',
    mtype: core_entry_march.S390,
    bigEndian: true,
    // HWCAP_S390_VXRS
    hwcap: 0x800n,
    core: (from) => ({
      tiS390: {
        clearTidAddr: 0n,
        gpregs: { pswMask: 0x0705_0001_8000_0000n, pswAddr: BigInt(from + 50), gprs: list(16, from), acrs: Array.from({ length: 16 }, (_, i) => from + 60 + i), origGpr2: BigInt(from + 51), systemCall: 4 },
        fpregs: { fpc: 0, fprs: list(16, from + 100) },
        vxrsLow: { regs: list(16, from + 200) },
        vxrsHigh: { regs: list(32, from + 300) },
      },
    }),
    registers: (from) => registers(from, ['r0', 0], ['r15', 15], ['pc', 50], ['acr0', 60], ['acr15', 75], ['orig_r2', 51], ['v16.v2_int64[0]', 300], ['v31.v2_int64[1]', 331], ['v0.v2_int64[1]', 200]),
    size: 336,
    pc: 112 + 8,
    notes: [[2, 136], [0x307, 4], [0x309, 128], [0x30a, 256]],
  },
  {
    name: 'mips64',
    gdb: 'mips:isa64r2',
    mtype: core_entry_march.MIPS,
    core: (from) => ({
      tiMips: {
        clearTidAddr: 0n,
        tls: 0n,
        gpregs: { ...named(from, ...MIPS, 'lo', 'hi', 'cp0Epc', 'cp0Badvaddr', 'cp0Status', 'cp0Cause'), r0: 0n },
        fpregs: { ...named(from + 100, ...MIPS, 'lo', 'hi'), fpuFcr31: 3, fpuId: 4 },
      } as never,
    }),
    registers: (from) => registers(from, ['r1', 1], ['sp', 29], ['ra', 31], ['lo', 32], ['hi', 33], ['pc', 34]),
    size: 480,
    pc: 112 + 34 * 8,
    notes: [[2, 264]],
  },
  {
    name: 'riscv64',
    gdb: 'riscv:rv64',
    mtype: core_entry_march.RISCV64,
    core: (from) => ({ tiRiscv64: { clearTidAddr: 0n, tls: 1n, gpregs: named(from, 'pc', 'ra', 'sp', 'gp', 'tp', 't0', 't1', 't2', 's0', 's1', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 's2', 's3', 's4', 's5', 's6', 's7', 's8', 's9', 's10', 's11', 't3', 't4', 't5', 't6'), fpsimd: { f: list(32, from + 100), fcsr: 1 } } }),
    registers: (from) => registers(from, ['pc', 0], ['ra', 1], ['sp', 2], ['a0', 10], ['s11', 27], ['t6', 31]),
    size: 376,
    pc: 112,
    notes: [[2, 264]],
  },
  {
    name: 'loongarch64',
    gdb: 'loongarch64',
    mtype: core_entry_march.LOONGARCH64,
    core: (from) => ({ tiLoongarch64: { clearTidAddr: 0n, tls: 1n, gpregs: { regs: list(32, from), pc: BigInt(from + 32) }, fpregs: { regs: list(32, from + 100), fcc: 1n, fcsr: 2 } } }),
    registers: (from) => registers(from, ['r1', 1], ['sp', 3], ['r31', 31], ['pc', 32]),
    size: 480,
    pc: 112 + 33 * 8,
    notes: [[2, 272]],
  },
];
