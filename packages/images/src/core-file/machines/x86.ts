import type { user_x86_fpregs_entry } from '../../gen/core-x86.js';
import { user_x86_regs_mode } from '../../gen/core-x86.js';
import type { Machine } from '../machine.js';
import { NT_FPREGSET } from '../machine.js';
import { littleEndian } from '../pack.js';

const NT_X86_XSTATE = 0x202;
/** FXSAVE's form, for 32-bit programs */
const NT_PRXFPREG = 0x46e6_2b7f;
const { words32, words64 } = littleEndian;

export const x86: Machine = {
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

/** A 32-bit program: its registers lie in the lower halves. */
export const i386: Machine = {
  machine: 3,
  word: 4,
  flags: 0,
  registers({ threadInfo }) {
    if (threadInfo === undefined || threadInfo.gpregs.mode !== user_x86_regs_mode.COMPAT) return undefined;
    const r = threadInfo.gpregs;
    // user_regs_struct of i386, sys/user.h
    const general = words32([r.bx, r.cx, r.dx, r.si, r.di, r.bp, r.ax, r.ds, r.es, r.fs, r.gs, r.origAx, r.ip, r.cs, r.flags, r.sp, r.ss].map((value) => Number(value & 0xffff_ffffn)));
    const legacy = fxsave(threadInfo.fpregs);
    const state = xsave(threadInfo.fpregs, legacy);
    return { general, notes: [{ name: 'LINUX', type: NT_PRXFPREG, bytes: legacy }, ...(state ? [{ name: 'LINUX' as const, type: NT_X86_XSTATE, bytes: state }] : [])] };
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
