// prctl(2) PR_SCHED_CORE; Documentation/admin-guide/hw-vuln/core-scheduling.rst
import { PR, SYS } from '@criu-ts/kernel/abi';
import { Memory, rawSyscall } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { ThreadFacet } from '../facets.js';

const PIDTYPE_PID = 0;
const cookie = new Memory(8);

/** Threads of different cookies never share a core. */
export const coreScheduling: ThreadFacet = {
  name: 'core scheduling',
  judge({ tid, task }, at) {
    const ask = (id: number): number => rawSyscall(SYS.prctl, PR.SCHED_CORE, PR.SCHED_CORE_GET, id, PIDTYPE_PID, cookie.address);
    // ENODEV, EINVAL: no hyper-threads, no such kernel.
    if (!at.shared('core scheduling', () => ask(0) === 0) || ask(tid) < 0 || cookie.view.getBigUint64(0, true) === 0n) return;
    at.refuse(new Unsupported('thread', 'core scheduling is not supported', { object: `thread ${tid}`, task: task.name, why: 'it has a cookie (PR_SCHED_CORE), which keeps others off its core', hint: 'run it without' }));
  },
  capture() {
    // Nothing to keep.
  },
  restore: [],
};
