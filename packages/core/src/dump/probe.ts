import { readStatus, ProcessGone } from '@criu-ts/kernel/procfs';
import { HostLacks, TraceeDied } from '../errors.js';
import type { DumpRun } from './run.js';

const CAP_CHECKPOINT_RESTORE = 40;
const CAP_SYS_PTRACE = 19;
const CAP_SYS_ADMIN = 21;

export function probeHost(run: DumpRun): void {
  const { pid } = run.options;
  const own = readStatus('self');
  const has = (capability: number): boolean => (own.capEff & (1n << BigInt(capability))) !== 0n;
  if (!has(CAP_SYS_PTRACE) || !(has(CAP_SYS_ADMIN) || has(CAP_CHECKPOINT_RESTORE))) {
    throw new HostLacks('capability', 'CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN) are needed', { hint: 'run it as root' });
  }
  if (pid === process.pid) throw new HostLacks('self', 'a process can\'t dump itself through this call', { task: { pid }, hint: 'dump it from another process' });
  try {
    const status = readStatus(pid);
    if (status.tgid !== status.pid) throw new TraceeDied(`${pid} is a thread of process ${status.tgid}`, { hint: `dump process ${status.tgid}` });
    if (status.kthread === true) throw new HostLacks('kernel-thread', 'kernel threads have no state of their own to dump', { task: { pid, comm: status.name } });
  } catch (error) {
    if (error instanceof ProcessGone) throw new TraceeDied('there is no such process', { task: { pid }, hint: 'check the PID', cause: error });
    throw error;
  }
}
