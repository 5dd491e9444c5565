import type { core_entry } from '../gen/core.js';
import { core_entry_march } from '../gen/core.js';
import { user_x86_regs_mode } from '../gen/core-x86.js';
import type { Machine } from './machine.js';
import { aarch64, arm } from './machines/arm.js';
import { loongarch64 } from './machines/loongarch64.js';
import { mips64 } from './machines/mips64.js';
import { ppc64 } from './machines/ppc64.js';
import { riscv64 } from './machines/riscv64.js';
import { s390x } from './machines/s390x.js';
import { i386, x86 } from './machines/x86.js';

/** Every machine whose registers the images can hold. */
export const MACHINES: Readonly<Partial<Record<core_entry_march, Machine>>> = {
  [core_entry_march.X86_64]: x86,
  [core_entry_march.AARCH64]: aarch64,
  [core_entry_march.ARM]: arm,
  [core_entry_march.PPC64]: ppc64,
  [core_entry_march.S390]: s390x,
  [core_entry_march.MIPS]: mips64,
  [core_entry_march.RISCV64]: riscv64,
  [core_entry_march.LOONGARCH64]: loongarch64,
};

/** A process's machine, as its first thread has it: a 32-bit program on x86-64 is one of i386. undefined where it is not known. */
export function machineOf({ mtype, threadInfo }: core_entry): Machine | undefined {
  return mtype === core_entry_march.X86_64 && threadInfo?.gpregs.mode === user_x86_regs_mode.COMPAT ? i386 : MACHINES[mtype];
}
