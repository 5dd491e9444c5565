import type { core_entry } from '@criu-ts/images';
import type { ProcStat, ProcStatus } from '@criu-ts/kernel/procfs';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import type { FrozenProcess, Registers, Tracee } from '@criu-ts/tracee';
import type { TaskName } from '../errors.js';

/** A frozen thread at dump time. */
export interface DumpThread {
  readonly task: DumpTask;
  readonly tid: number;
  readonly tracee: Tracee;
  /** As it was frozen, the interrupted system call not yet made to restart. */
  readonly registers: Registers;
  /** /proc/PID/task/TID/status, read once frozen and before the thread made its first call for us. */
  readonly status: ProcStatus;
  /** Its blocked signals at that moment ({@link Tracee.getSigmask}). */
  readonly sigmask: bigint;
  /** Its image, filled in facet by facet. The main thread's is also the process's (`tc`). */
  readonly core: core_entry;
}

/** A frozen process at dump time. */
export interface DumpTask {
  readonly pid: number;
  readonly name: TaskName;
  readonly process: FrozenProcess;
  readonly pidfd: OwnedFd;
  /** /proc/PID/status and stat, read once frozen. */
  readonly status: ProcStatus;
  readonly stat: ProcStat;
  /** The main thread first. */
  readonly threads: readonly DumpThread[];
}
