// personality(2)
import { PER, PERSONALITY, SYS } from '@criu-ts/kernel/abi';
import { readPersonality } from '@criu-ts/kernel/procfs';
import type { ProcessFacet, ThreadFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';

/** The images have one for all threads. */
export const personality: ProcessFacet = {
  name: 'personality',
  capture(task, core) {
    taskCoreOf(core).personality = readPersonality(task.pid);
  },
  restore: [],
};

/** The kernel keeps it per thread, and threads are there already. */
export const threadPersonality: ThreadFacet = {
  name: 'personality',
  capture() {
    // The process's facet has done it.
  },
  restore: [
    {
      phase: 'late',
      because: 'READ_IMPLIES_EXEC would change what mmap does',
      run({ task }, batch) {
        batch.doing('set the personality').call(SYS.personality, meantPersonality(readTaskCore(task.core).personality));
      },
    },
  ],
};

const FLAGS = Object.values(PERSONALITY).reduce((all, flag) => all | flag, 0);
const possible = (value: number): boolean => (value & PER.MASK) <= PER.HPUX && (value & ~(FLAGS | PER.MASK)) === 0;

/**
 * CRIU 4.2 reads the hexadecimal number of /proc/PID/personality as a decimal one: 40000 stands for 0x40000. (It does
 * not restore it.) A number that makes sense as it is was written by us.
 */
export function meantPersonality(stored: number): number {
  if (possible(stored)) return stored;
  const meant = Number.parseInt(String(stored), 16);
  return possible(meant) ? meant : stored;
}
