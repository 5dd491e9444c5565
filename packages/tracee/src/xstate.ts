import { mapCode, Memory } from '@criu-ts/kernel/sys';
import { cpuidBase64 } from './gen/native.js';

/** State components of XSAVE by their bit (Intel SDM vol. 1, 13.1; arch/x86/include/asm/fpu/types.h). */
export const XFEATURE = { X87: 0, SSE: 1, YMM: 2, BNDREGS: 3, BNDCSR: 4, OPMASK: 5, ZMM_HI256: 6, HI16_ZMM: 7, PKRU: 9, XTILE_CFG: 17, XTILE_DATA: 18 } as const;

/** Where a component lies in the standard format, in bytes. */
export interface XstateComponent {
  readonly offset: number;
  readonly size: number;
}

/** Legacy area, then the header. */
export const XSAVE_HEADER = 512;
const XSAVE_MIN = 576;
const CPUID_XSTATE = 0xd;
const FIRST_EXTENDED = 2;
const LAST = 19;

let layout: ReadonlyMap<number, XstateComponent> | undefined;

/** Components of this CPU's XSAVE area (cpuid leaf 13): offsets differ between vendors. Bits 0 and 1 are the legacy area. */
export function xstateLayout(): ReadonlyMap<number, XstateComponent> {
  layout ??= readLayout();
  return layout;
}

function readLayout(): ReadonlyMap<number, XstateComponent> {
  const cpuid = mapCode(Buffer.from(cpuidBase64, 'base64'));
  const out = new Memory(16);
  const components = new Map<number, XstateComponent>();
  for (let bit = FIRST_EXTENDED; bit < LAST; bit++) {
    cpuid(CPUID_XSTATE, bit, out.address);
    const size = out.view.getUint32(0, true);
    const offset = out.view.getUint32(4, true);
    // Supervisor states have no place in the standard format.
    if (size > 0 && offset >= XSAVE_MIN) components.set(bit, { offset, size });
  }
  return components;
}

/** Where XSTATE_BV lies: a bit for each component that isn't in its initial state. */
const XSTATE_BV = XSAVE_HEADER;
/** AMX: a task has no room for them in its signal frames before it asked for them by arch_prctl(2). */
const ON_REQUEST: readonly number[] = [XFEATURE.XTILE_CFG, XFEATURE.XTILE_DATA];

/**
 * What of an XSAVE area a signal frame may hold. PTRACE_GETREGSET gives room to all that the CPU has, but
 * rt_sigreturn(2) forgets everything but SSE when the area is larger than the task's own (arch/x86/kernel/fpu/signal.c,
 * check_xstate_in_sigframe).
 */
export function signalXstate(area: Uint8Array, components: ReadonlyMap<number, XstateComponent> = xstateLayout()): Uint8Array {
  const inUse = new DataView(area.buffer, area.byteOffset).getBigUint64(XSTATE_BV, true);
  let end = XSAVE_MIN;
  for (const [bit, { offset, size }] of components) {
    const wanted = !ON_REQUEST.includes(bit) || (inUse & (1n << BigInt(bit))) !== 0n;
    if (wanted && offset + size <= area.length) end = Math.max(end, offset + size);
  }
  return area.subarray(0, end);
}

/** Bytes that an XSAVE area can need on this CPU. */
export function xstateSize(): number {
  return Math.max(XSAVE_MIN, ...[...xstateLayout().values()].map(({ offset, size }) => offset + size));
}
