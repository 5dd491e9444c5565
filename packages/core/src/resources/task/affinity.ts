// sched_setaffinity(2)
import type { core_entry } from '@criu-ts/images';
import { readWhole } from '@criu-ts/kernel/procfs';
import { type CpuMask, setAffinity } from '@criu-ts/kernel/sys';
import type { RestoreContext } from '../contexts.js';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';

/** 8192 CPUs: the kernel cuts off what it does not have. */
const ALL_CPUS: CpuMask = new Uint8Array(1024).fill(0xff);

/**
 * CPUs that a thread may run on; nothing is written where that's all that are online. CRIU's images lack it.
 * Restored by {@link restoreAffinity} when no call is to be made any more: until then puppets share our CPU.
 */
export const affinity: ThreadFacet = {
  name: 'CPU affinity',
  capture({ core, status }, _remote, at) {
    const online = at.shared('CPUs online', () => parseCpuList(readWhole('/sys/devices/system/cpu/online').toString('latin1')));
    const mask = parseCpuMask(status.cpusAllowed);
    if (!online.every((cpu) => hasCpu(mask, cpu))) threadCoreOf(core).cpuAffinity = mask;
  },
  restore: [],
};

/** From our side, on a thread by its id as we see it; all CPUs where the image names none. */
export function restoreAffinity(tid: number, core: core_entry, at: RestoreContext): void {
  const mask = readThreadCore(core).cpuAffinity;
  if (mask !== undefined && mask.length > 0) {
    if (setAffinity(tid, mask) >= 0) return;
    at.emit({ type: 'warning', text: `thread ${tid} was bound to CPUs which are not available here: it runs on any` });
  }
  setAffinity(tid, ALL_CPUS);
}

/** "00ff,00000003" of /proc/PID/status, highest 32 CPUs first. */
export function parseCpuMask(text: string): CpuMask {
  const words = text.trim().split(',').map((word) => Number.parseInt(word, 16)).reverse();
  return new Uint8Array(Uint32Array.from(words.length % 2 === 0 ? words : [...words, 0]).buffer);
}

/** "0-3,8" */
export function parseCpuList(text: string): number[] {
  return text.trim().split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

export const hasCpu = (mask: CpuMask, cpu: number): boolean => (((mask[cpu >> 3] ?? 0) >> (cpu & 7)) & 1) !== 0;
