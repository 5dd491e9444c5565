// The GDT's slots for TLS: set_thread_area(2). 64-bit programs reach them by int 0x80, as Wine does.
import type { user_desc_t } from '@criu-ts/images';
import { PTRACE } from '@criu-ts/kernel/abi';
import { Memory, SyscallFailed, tryPtrace } from '@criu-ts/kernel/sys';

/** arch/x86/include/asm/segment.h: GDT_ENTRY_TLS_MIN … GDT_ENTRY_TLS_MAX */
const SLOTS = [12, 13, 14] as const;
/** struct user_desc (asm/ldt.h): number, base, limit, flags */
const desc = new Memory(16);
const BITS = { seg32Bit: 0, contentsL: 1, contentsH: 2, readExecOnly: 3, limitInPages: 4, segNotPresent: 5, usable: 6 } as const;
const bitNames = Object.keys(BITS) as (keyof typeof BITS)[];

/** As a 64-bit task leaves them. */
const EMPTY: readonly user_desc_t[] = SLOTS.map((entryNumber) => ({
  entryNumber, baseAddr: 0, limit: 0, seg32Bit: false, contentsH: false, contentsL: false, readExecOnly: true, limitInPages: false, segNotPresent: true, usable: false,
}));

const isEmpty = ({ baseAddr, limit, segNotPresent }: user_desc_t): boolean => segNotPresent && baseAddr === 0 && limit === 0;

/** The three slots of a stopped thread. */
export function readTls(tid: number): user_desc_t[] {
  return SLOTS.map((slot, i) => {
    const { view } = desc;
    // EIO: a kernel without 32-bit tasks.
    if (tryPtrace(PTRACE.GET_THREAD_AREA, tid, slot, desc.address) < 0 || isUnused(view)) return EMPTY[i] as user_desc_t;
    const flags = view.getUint32(12, true);
    const bits = Object.fromEntries(bitNames.map((name) => [name, (flags & (1 << BITS[name])) !== 0])) as Record<keyof typeof BITS, boolean>;
    return { entryNumber: slot, baseAddr: view.getUint32(4, true), limit: view.getUint32(8, true), ...bits };
  });
}

/** What the kernel shows of a slot that was never set, or was cleared: no base, no limit, not present. */
function isUnused(view: DataView): boolean {
  return view.getUint32(4, true) === 0 && view.getUint32(8, true) === 0 && (view.getUint32(12, true) & (1 << BITS.segNotPresent)) !== 0;
}

/** Puppets have none set. @throws SyscallFailed */
export function writeTls(tid: number, slots: readonly user_desc_t[]): void {
  for (const slot of slots) {
    if (isEmpty(slot)) continue;
    desc.view.setUint32(0, slot.entryNumber, true);
    desc.view.setUint32(4, slot.baseAddr, true);
    desc.view.setUint32(8, slot.limit, true);
    desc.view.setUint32(12, bitNames.reduce((flags, name) => flags | (slot[name] ? 1 << BITS[name] : 0), 0), true);
    const result = tryPtrace(PTRACE.SET_THREAD_AREA, tid, slot.entryNumber, desc.address);
    if (result < 0) throw new SyscallFailed(`ptrace(PTRACE_SET_THREAD_AREA, ${tid}, ${slot.entryNumber})`, -result);
  }
}
