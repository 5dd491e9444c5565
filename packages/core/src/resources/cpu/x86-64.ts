import { core_entry_march, user_x86_regs_mode, type thread_info_x86, type user_desc_t, type user_x86_fpregs_entry, type user_x86_regs_entry, type user_x86_xsave_entry } from '@criu-ts/images';
import { Registers, type RegisterName, XFEATURE, XSAVE_HEADER, xstateLayout } from '@criu-ts/tracee';
import { HostLacks, ImageCorrupt, Unsupported } from '../../errors.js';

export const MARCH = core_entry_march.X86_64;

type WordField = Exclude<keyof user_x86_regs_entry, 'mode'>;

/** Fields of the image beside the registers they hold. */
const REGISTERS: readonly (readonly [WordField, RegisterName])[] = [
  ['r15', 'r15'], ['r14', 'r14'], ['r13', 'r13'], ['r12', 'r12'], ['bp', 'rbp'], ['bx', 'rbx'], ['r11', 'r11'], ['r10', 'r10'], ['r9', 'r9'], ['r8', 'r8'],
  ['ax', 'rax'], ['cx', 'rcx'], ['dx', 'rdx'], ['si', 'rsi'], ['di', 'rdi'], ['origAx', 'origRax'], ['ip', 'rip'], ['cs', 'cs'], ['flags', 'eflags'],
  ['sp', 'rsp'], ['ss', 'ss'], ['fsBase', 'fsBase'], ['gsBase', 'gsBase'], ['ds', 'ds'], ['es', 'es'], ['fs', 'fs'], ['gs', 'gs'],
];

/** Byte offsets in the FXSAVE area. */
const FX = { cwd: 0, swd: 2, twd: 4, fop: 6, rip: 8, rdp: 16, mxcsr: 24, mxcsrMask: 28, stSpace: 32, xmmSpace: 160 } as const;
/** u32 of eight x87 and sixteen SSE registers. */
const ST_WORDS = 32;
const XMM_WORDS = 64;

/** Extended components and how many words of which width the image keeps of each. */
const COMPONENTS = [
  { bit: XFEATURE.YMM, field: 'ymmhSpace', words: 64, wide: false },
  { bit: XFEATURE.BNDREGS, field: 'bndregState', words: 8, wide: true },
  { bit: XFEATURE.BNDCSR, field: 'bndcsrState', words: 8, wide: true },
  { bit: XFEATURE.OPMASK, field: 'opmaskReg', words: 8, wide: true },
  { bit: XFEATURE.ZMM_HI256, field: 'zmmUpper', words: 64, wide: true },
  { bit: XFEATURE.HI16_ZMM, field: 'hi16Zmm', words: 128, wide: true },
  { bit: XFEATURE.PKRU, field: 'pkru', words: 2, wide: false },
] as const;

/** x87 and SSE, in the first 512 bytes, and what the image has fields for. */
const KEPT = COMPONENTS.reduce((bits, { bit }) => bits | (1n << BigInt(bit)), 3n);
/** XTILECFG, XTILEDATA */
const TILES = (1n << 17n) | (1n << 18n);

/**
 * @param registers what the thread shall go on with  @param xstate NT_X86_XSTATE  @param tls the GDT's slots
 * @throws Unsupported where registers are in use that the image has no place for
 */
export function captureThreadInfo(registers: Registers, xstate: Uint8Array, tls: readonly user_desc_t[]): thread_info_x86 {
  // set_tid_address(2) comes with a facet.
  return { clearTidAddr: 0n, gpregs: captureRegisters(registers), fpregs: captureFpregs(xstate), tls: [...tls] };
}

export function captureRegisters(registers: Registers): user_x86_regs_entry {
  const gpregs = { mode: user_x86_regs_mode.NATIVE } as user_x86_regs_entry;
  for (const [field, name] of REGISTERS) gpregs[field] = registers.get(name);
  return gpregs;
}

export function restoreRegisters(info: thread_info_x86): Registers {
  const registers = new Registers();
  for (const [field, name] of REGISTERS) registers.set(name, info.gpregs[field]);
  return registers;
}

function captureFpregs(area: Uint8Array): user_x86_fpregs_entry {
  const view = new DataView(area.buffer, area.byteOffset, area.length);
  const lost = view.getBigUint64(XSAVE_HEADER, true) & ~KEPT;
  if (lost !== 0n) throw new Unsupported('registers', `extended registers that images have no place for are in use (XSAVE components 0x${lost.toString(16)})`, { hint: (lost & TILES) !== 0n ? 'dump it when it has released its tiles (AMX)' : 'use a newer criu-ts' });
  return {
    cwd: view.getUint16(FX.cwd, true),
    swd: view.getUint16(FX.swd, true),
    twd: view.getUint16(FX.twd, true),
    fop: view.getUint16(FX.fop, true),
    rip: view.getBigUint64(FX.rip, true),
    rdp: view.getBigUint64(FX.rdp, true),
    mxcsr: view.getUint32(FX.mxcsr, true),
    mxcsrMask: view.getUint32(FX.mxcsrMask, true),
    stSpace: words32(view, FX.stSpace, 32),
    xmmSpace: words32(view, FX.xmmSpace, 64),
    padding: [],
    xsave: captureXsave(view),
  };
}

function captureXsave(view: DataView): user_x86_xsave_entry {
  const layout = xstateLayout();
  const entry: user_x86_xsave_entry = {
    xstateBv: view.getBigUint64(XSAVE_HEADER, true),
    ymmhSpace: [], bndregState: [], bndcsrState: [], opmaskReg: [], zmmUpper: [], hi16Zmm: [], pkru: [],
  };
  for (const component of COMPONENTS) {
    const place = layout.get(component.bit);
    if (place === undefined) continue;
    if (component.wide) entry[component.field] = words64(view, place.offset, component.words);
    else entry[component.field] = words32(view, place.offset, component.words);
  }
  return entry;
}

/**
 * An XSAVE area for PTRACE_SETREGSET.
 * @param blank an area of this host (its size and layout), as the puppet has it
 * @throws HostLacks where the image uses a component that this CPU lacks; ImageCorrupt where there is more than registers hold
 */
export function restoreXstate(fpregs: user_x86_fpregs_entry, blank: Uint8Array): Uint8Array {
  const area = blank.slice();
  const view = new DataView(area.buffer);
  view.setUint16(FX.cwd, fpregs.cwd, true);
  view.setUint16(FX.swd, fpregs.swd, true);
  view.setUint16(FX.twd, fpregs.twd, true);
  view.setUint16(FX.fop, fpregs.fop, true);
  view.setBigUint64(FX.rip, fpregs.rip, true);
  view.setBigUint64(FX.rdp, fpregs.rdp, true);
  view.setUint32(FX.mxcsr, fpregs.mxcsr, true);
  view.setUint32(FX.mxcsrMask, fpregs.mxcsrMask, true);
  if (fpregs.stSpace.length > ST_WORDS || fpregs.xmmSpace.length > XMM_WORDS) throw new ImageCorrupt('there are more x87 or SSE registers than a CPU has');
  fpregs.stSpace.forEach((word, i) => view.setUint32(FX.stSpace + 4 * i, word, true));
  fpregs.xmmSpace.forEach((word, i) => view.setUint32(FX.xmmSpace + 4 * i, word, true));
  // An image of a CPU without XSAVE: x87 and SSE only.
  const xstateBv = fpregs.xsave?.xstateBv ?? 3n;
  view.setBigUint64(XSAVE_HEADER, xstateBv, true);
  if (fpregs.xsave === undefined) return area;
  const layout = xstateLayout();
  for (const component of COMPONENTS) {
    const words: readonly (number | bigint)[] = fpregs.xsave[component.field];
    if (words.length === 0) continue;
    const place = layout.get(component.bit);
    if (place === undefined) {
      if ((xstateBv & (1n << BigInt(component.bit))) === 0n) continue;
      throw new HostLacks('cpu', `this CPU has no ${component.field}, which the process uses`, { hint: 'restore it on a CPU with the same vector extensions' });
    }
    if (place.offset + words.length * (typeof words[0] === 'bigint' ? 8 : 4) > area.length) throw new ImageCorrupt(`${component.field} is larger than this CPU's registers`);
    words.forEach((word, i) => {
      if (typeof word === 'bigint') view.setBigUint64(place.offset + 8 * i, word, true);
      else view.setUint32(place.offset + 4 * i, word, true);
    });
  }
  return area;
}

function words32(view: DataView, offset: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => view.getUint32(offset + 4 * i, true));
}

function words64(view: DataView, offset: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => view.getBigUint64(offset + 8 * i, true));
}
