import { type ProcStatus, readStatus, threadOf } from '@criu-ts/kernel/procfs';
import type { Puppet } from '@criu-ts/tracee';
import type { RestoreContext } from '../contexts.js';

/**
 * What a puppet inherited from us, to spare calls that would change nothing. Read once per process, before its
 * credentials are changed; threads of a process are born with the same.
 */
export function blankStatus(puppet: Puppet, at: RestoreContext): ProcStatus {
  const { pid } = puppet.tracee;
  return at.shared(`/proc/${pid}/status`, () => readStatus(threadOf(pid, pid)));
}
