import type { core_entry } from '../gen/core.js';
import { core_entry_march } from '../gen/core.js';
import type { user_x86_fpregs_entry } from '../gen/core-x86.js';
import { user_x86_regs_mode } from '../gen/core-x86.js';

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
  /** e_flags */
  readonly flags: number;
  /** undefined where the image holds no registers of this machine */
  registers(core: core_entry): RegisterNotes | undefined;
}

// Types of notes, elf.h.
const NT_FPREGSET = 2;
const NT_X86_XSTATE = 0x202;
const NT_PPC_VMX = 0x100;
const NT_PPC_VSX = 0x102;
const NT_ARM_VFP = 0x400;
const NT_ARM_TLS = 0x401;

/** Numbers one behind the other, little-endian; what is missing is zero. */
function words64(values: readonly bigint[], count = values.length): Uint8Array {
  const bytes = new Uint8Array(count * 8);
  const view = new DataView(bytes.buffer);
  values.slice(0, count).forEach((value, i) => view.setBigUint64(i * 8, value, true));
  return bytes;
}

function words32(values: readonly number[], count = values.length): Uint8Array {
  const bytes = new Uint8Array(count * 4);
  const view = new DataView(bytes.buffer);
  values.slice(0, count).forEach((value, i) => view.setUint32(i * 4, value >>> 0, true));
  return bytes;
}

function concat(size: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const u32 = (value: number): Uint8Array => words32([value]);

const x86: Machine = {
  machine: 62,
  word: 8,
  flags: 0,
  registers({ threadInfo }) {
    if (threadInfo === undefined || threadInfo.gpregs.mode === user_x86_regs_mode.COMPAT) return undefined;
    const r = threadInfo.gpregs;
    // user_regs_struct, sys/user.h
    const general = words64([r.r15, r.r14, r.r13, r.r12, r.bp, r.bx, r.r11, r.r10, r.r9, r.r8, r.ax, r.cx, r.dx, r.si, r.di, r.origAx, r.ip, r.cs, r.flags, r.sp, r.ss, r.fsBase, r.gsBase, r.ds, r.es, r.fs, r.gs]);
    const legacy = fxsave(threadInfo.fpregs);
    const state = xsave(threadInfo.fpregs, legacy);
    return { general, notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: legacy }, ...(state ? [{ name: 'LINUX' as const, type: NT_X86_XSTATE, bytes: state }] : [])] };
  },
};

/** The 512 bytes of FXSAVE (Intel SDM 1, 10.5.1). */
function fxsave(fp: user_x86_fpregs_entry): Uint8Array {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  [fp.cwd, fp.swd, fp.twd, fp.fop].forEach((value, i) => view.setUint16(2 * i, value, true));
  view.setBigUint64(8, fp.rip, true);
  view.setBigUint64(16, fp.rdp, true);
  view.setUint32(24, fp.mxcsr, true);
  view.setUint32(28, fp.mxcsrMask, true);
  bytes.set(words32(fp.stSpace, 32), 32);
  bytes.set(words32(fp.xmmSpace, 64), 160);
  return bytes;
}

/** Where the parts of XSAVE's standard format lie on Intel's CPUs, and the bits of XCR0 for them (SDM 1, 13.4). */
const XSAVE_PARTS = [
  { bits: 0x4n, at: 576, size: 832, of: (x: Xsave) => words32(x.ymmhSpace, 64) },
  { bits: 0x8n, at: 960, size: 1024, of: (x: Xsave) => words64(x.bndregState, 8) },
  { bits: 0x10n, at: 1024, size: 1088, of: (x: Xsave) => words64(x.bndcsrState, 8) },
  { bits: 0x20n, at: 1088, size: 2688, of: (x: Xsave) => words64(x.opmaskReg, 8) },
  { bits: 0x40n, at: 1152, size: 2688, of: (x: Xsave) => words64(x.zmmUpper, 64) },
  { bits: 0x80n, at: 1664, size: 2688, of: (x: Xsave) => words64(x.hi16Zmm, 128) },
  { bits: 0x200n, at: 2688, size: 2696, of: (x: Xsave) => words32(x.pkru, 2) },
] as const;
type Xsave = NonNullable<user_x86_fpregs_entry['xsave']>;

/** NT_X86_XSTATE: the legacy area with XCR0 where debuggers look for it, the header, and the parts that are there. */
function xsave(fp: user_x86_fpregs_entry, legacy: Uint8Array): Uint8Array | undefined {
  const { xsave: state } = fp;
  if (state === undefined) return undefined;
  const has = [state.ymmhSpace, state.bndregState, state.bndcsrState, state.opmaskReg, state.zmmUpper, state.hi16Zmm, state.pkru].map((part) => part.length > 0);
  const parts = XSAVE_PARTS.filter((_, i) => has[i]);
  const bytes = new Uint8Array(Math.max(576, ...parts.map((part) => part.size)));
  const view = new DataView(bytes.buffer);
  bytes.set(legacy);
  view.setBigUint64(464, parts.reduce((all, part) => all | part.bits, 3n), true);
  view.setBigUint64(512, state.xstateBv, true);
  for (const part of parts) bytes.set(part.of(state), part.at);
  return bytes;
}

const aarch64: Machine = {
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

const arm: Machine = {
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

const ppc64: Machine = {
  machine: 21,
  word: 8,
  // the second ABI, which little-endian machines have
  flags: 2,
  registers({ tiPpc64 }) {
    if (tiPpc64 === undefined) return undefined;
    const r = tiPpc64.gpregs;
    // pt_regs, asm/ptrace.h: softe, trap, dar, dsisr and result follow ccr in 48 words.
    const general = words64([...words(r.gpr, 32), r.nip, r.msr, r.origGpr3, r.ctr, r.link, r.xer, r.ccr, 1n, r.trap], 48);
    const notes: RegisterNotes['notes'][number][] = [];
    if (tiPpc64.fpstate) notes.push({ name: 'CORE', type: NT_FPREGSET, bytes: words64(tiPpc64.fpstate.fpregs, 33) });
    if (tiPpc64.vrstate) notes.push({ name: 'LINUX', type: NT_PPC_VMX, bytes: concat(544, words64(tiPpc64.vrstate.vrregs, 66), u32(tiPpc64.vrstate.vrsave)) });
    if (tiPpc64.vsxstate) notes.push({ name: 'LINUX', type: NT_PPC_VSX, bytes: words64(tiPpc64.vsxstate.vsxregs, 32) });
    return { general, notes };
  },
};

const words = (values: readonly bigint[], count: number): bigint[] => Array.from({ length: count }, (_, i) => values[i] ?? 0n);

const riscv64: Machine = {
  machine: 243,
  word: 8,
  // EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE
  flags: 5,
  registers({ tiRiscv64 }) {
    if (tiRiscv64 === undefined) return undefined;
    const r = tiRiscv64.gpregs;
    const general = words64([r.pc, r.ra, r.sp, r.gp, r.tp, r.t0, r.t1, r.t2, r.s0, r.s1, r.a0, r.a1, r.a2, r.a3, r.a4, r.a5, r.a6, r.a7, r.s2, r.s3, r.s4, r.s5, r.s6, r.s7, r.s8, r.s9, r.s10, r.s11, r.t3, r.t4, r.t5, r.t6]);
    return { general, notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: concat(264, words64(tiRiscv64.fpsimd.f, 32), u32(tiRiscv64.fpsimd.fcsr)) }] };
  },
};

const loongarch64: Machine = {
  machine: 258,
  word: 8,
  // LP64, hard float, object ABI 1
  flags: 0x43,
  registers({ tiLoongarch64 }) {
    if (tiLoongarch64 === undefined) return undefined;
    const { gpregs, fpregs } = tiLoongarch64;
    // user_pt_regs: 32 registers, orig_a0, csr_era, csr_badv, ten reserved.
    const general = words64([...words(gpregs.regs, 32), 0n, gpregs.pc], 45);
    return { general, notes: [{ name: 'CORE', type: NT_FPREGSET, bytes: concat(272, words64(fpregs.regs, 32), words64([fpregs.fcc]), u32(fpregs.fcsr)) }] };
  },
};

/** s390x is big-endian, and so are its images, which are not read here; MIPS has no gregset that one debugger and the other agree on. */
export const MACHINES: Readonly<Partial<Record<core_entry_march, Machine>>> = {
  [core_entry_march.X86_64]: x86,
  [core_entry_march.AARCH64]: aarch64,
  [core_entry_march.ARM]: arm,
  [core_entry_march.PPC64]: ppc64,
  [core_entry_march.RISCV64]: riscv64,
  [core_entry_march.LOONGARCH64]: loongarch64,
};
