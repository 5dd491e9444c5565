// For how long threads had been waiting when they were frozen: /proc/PID/task/TID/{syscall,sched,wchan}
import { SYS } from '@criu-ts/kernel/abi';
import { listChildren, listThreads, type ProcTask, ProcessGone, readProcText, readStat, readSyscall, threadOf } from '@criu-ts/kernel/procfs';
import { getAffinity, rawSyscall, setAffinity } from '@criu-ts/kernel/sys';
import type { Sleeper } from '../../model/dump-task.js';

/** By thread id, as we see it. */
export type Sleepers = ReadonlyMap<number, Sleeper>;

const TIMED: ReadonlySet<number> = new Set([SYS.poll, SYS.nanosleep, SYS.clock_nanosleep, SYS.epoll_wait, SYS.epoll_pwait, SYS.epoll_pwait2, SYS.restart_syscall]);

/**
 * Looks at the threads of a tree that runs; to be called right before it is frozen, for then the kernel forgets. Costs
 * a read per thread, and two more for each that waits with a timeout. What can't be read is left out: the worst that
 * follows is a wait that begins anew.
 */
export function sampleSleepers(root: number): Sleepers {
  const own = getAffinity(0);
  const sleepers = new Map<number, Sleeper>();
  const offsets = new Map<number, number | undefined>();
  const visit = (pid: number): void => {
    for (const tid of listThreads(pid)) {
      const sleeper = unlessGone(() => look(threadOf(pid, tid), offsets));
      if (sleeper !== undefined) sleepers.set(tid, sleeper);
    }
    for (const child of unlessGone(() => listChildren(pid)) ?? []) unlessGone(() => visit(child));
  };
  try {
    unlessGone(() => visit(root));
  } finally {
    if (offsets.size > 0) setAffinity(0, own);
  }
  return sleepers;
}

/**
 * The sleeper, where it slept on until it was frozen: being stopped is one more switch, anything else would be two.
 * To be asked before the thread makes its first call for us.
 */
export function stillSleeping(sleepers: Sleepers, pid: number, tid: number): Sleeper | undefined {
  const sleeper = sleepers.get(tid);
  if (sleeper === undefined) return undefined;
  const sched = unlessGone(() => readProcText(threadOf(pid, tid), 'sched'));
  return sched !== undefined && field(sched, 'nr_voluntary_switches') === sleeper.switches + 1 ? sleeper : undefined;
}

function look(task: ProcTask, offsets: Map<number, number | undefined>): Sleeper | undefined {
  const call = readSyscall(task);
  if (call.state !== 'inside' || !TIMED.has(call.number)) return undefined;
  const sched = readProcText(task, 'sched');
  const since = field(sched, 'se.exec_start');
  const switches = field(sched, 'nr_voluntary_switches');
  if (switches === undefined) return undefined;
  const restarted = call.number === SYS.restart_syscall ? restartedCall(readProcText(task, 'wchan'), call.args) : undefined;
  const { processor } = readStat(task);
  if (!offsets.has(processor)) offsets.set(processor, schedulerOffset(processor));
  const offset = offsets.get(processor);
  return { waitedMs: since === undefined || offset === undefined ? undefined : Math.max(0, monotonicMs() - offset - since), restarted, switches };
}

/**
 * CLOCK_MONOTONIC minus the clock of one CPU's scheduler, in ms: these differ by the time that interrupts and the
 * hypervisor took on each. Only who runs on a CPU can read its clock; a little too much, so that waits come out short.
 */
function schedulerOffset(cpu: number): number | undefined {
  const only = new Uint8Array(Math.max(8, Math.ceil((cpu + 1) / 64) * 8));
  only[cpu >> 3] = 1 << (cpu & 7);
  if (setAffinity(0, only) < 0) return undefined;
  // The kernel brings the clock up to date when it chooses who runs next.
  rawSyscall(SYS.sched_yield);
  const start = field(readProcText('thread-self', 'sched'), 'se.exec_start');
  return start === undefined ? undefined : monotonicMs() - start;
}

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * Where it sleeps in the kernel (fs/select.c, kernel/futex/). What is neither poll nor futex is a nanosleep: nothing else
 * restarts in this way, and its own function does not show. "0": we may not know.
 */
function restartedCall(wchan: string, args: readonly bigint[]): number | undefined {
  if (wchan === '0' || wchan === '') return undefined;
  if (/poll/.test(wchan)) return SYS.poll;
  if (/futex/.test(wchan)) return SYS.futex;
  // nanosleep's first argument is an address, clock_nanosleep's a small number, or a negative one for a CPU clock.
  const first = args[0] ?? 0n;
  return first < 16n || first > 0x7fff_ffff_ffffn ? SYS.clock_nanosleep : SYS.nanosleep;
}

/** "se.exec_start    :    1862467.685285" */
export function field(sched: string, name: string): number | undefined {
  const match = new RegExp(`^${name.replace('.', '\\.')} *: *(-?[0-9.]+)$`, 'm').exec(sched);
  return match === null ? undefined : Number(match[1]);
}

/** undefined also where we may not look (EACCES, EPERM) or the kernel lacks the file (ENOENT, CONFIG_SCHED_DEBUG). */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProcessGone || ['EACCES', 'EPERM', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
