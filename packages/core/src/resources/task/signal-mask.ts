import type { core_entry } from '@criu-ts/images';
import type { ThreadFacet } from '../facets.js';
import { readTaskCore, readThreadCore, threadCoreOf } from './core-images.js';

/**
 * Blocked signals. In a call with a mask of its own (ppoll, sigsuspend, …) ptrace tells the mask that comes back after
 * it, which is the right one: the call is made again. Restored by ptrace at the very end, see {@link sigmaskOf}.
 */
export const signalMask: ThreadFacet = {
  name: 'blocked signals',
  capture({ core, sigmask }) {
    // CRIU keeps the main thread's with the process.
    if (core.tc === undefined) threadCoreOf(core).blkSigset = sigmask;
    else core.tc.blkSigset = sigmask;
  },
  restore: [],
};

/** Bit n-1 is signal n. */
export function sigmaskOf(core: core_entry): bigint {
  return core.tc === undefined ? (readThreadCore(core).blkSigset ?? 0n) : readTaskCore(core).blkSigset;
}
