import { type ProcStatus, readStatus, threadOf } from '@criu-ts/kernel/procfs';
import type { Puppet } from '@criu-ts/tracee';
import type { RestoreContext } from '../contexts.js';

/**
 * What all puppets inherited from us, to spare calls that would change nothing. Looked at in the first one that asks:
 * it must not have changed it yet, as all are born before any is changed.
 * @param name for the log and as a key: `oom_score_adj`
 */
export function inherited<T>(name: string, puppet: Puppet, at: RestoreContext, look: (pid: number) => T): T {
  return at.shared(`inherited ${name}`, () => look(puppet.tracee.pid));
}

/** /proc/PID/status of a puppet, but for what differs between puppets (pids). Only until credentials are changed. */
export function blankStatus(puppet: Puppet, at: RestoreContext): ProcStatus {
  return inherited('status', puppet, at, (pid) => readStatus(threadOf(pid, pid)));
}
