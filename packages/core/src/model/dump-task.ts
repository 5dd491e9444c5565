import type { core_entry } from '@criu-ts/images';
import type { ProcStat, ProcStatus } from '@criu-ts/kernel/procfs';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import type { FrozenProcess, Registers, Tracee } from '@criu-ts/tracee';
import type { TaskName } from '../errors.js';

/** A thread that waited, when it was frozen, for a time that only the kernel knows. */
export interface Sleeper {
  /** ms until shortly before it was frozen; undefined: nothing tells. */
  readonly waitedMs: number | undefined;
  /** Which call restart_syscall(2) stands for, where the kernel's function gives it away. */
  readonly restarted: number | undefined;
  /** How often it had gone to sleep by itself. */
  readonly switches: number;
}

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
  readonly sleeper: Sleeper | undefined;
  /** Its image, filled in facet by facet. The main thread's is also the process's (`tc`). */
  readonly core: core_entry;
}

/** A process that has ended and whose parent has not waited for it yet. */
export interface DeadTask {
  readonly pid: number;
  readonly name: TaskName;
  readonly stat: ProcStat;
  readonly status: ProcStatus;
}

/** A frozen process at dump time. */
export interface DumpTask {
  /** The process's id, which the images have. */
  readonly id: number;
  /**
   * The thread through which /proc, kcmp(2) and process_vm_readv(2) show what the process has: the main thread, whose id
   * is the process's, or the first one left where that has ended (of a zombie they show nothing).
   */
  readonly pid: number;
  readonly name: TaskName;
  readonly process: FrozenProcess;
  readonly pidfd: OwnedFd;
  /** /proc/PID/status of that thread and /proc/PID/stat of the process, read once frozen. */
  readonly status: ProcStatus;
  readonly stat: ProcStat;
  /** The one with {@link pid} first. */
  readonly threads: readonly DumpThread[];
}
