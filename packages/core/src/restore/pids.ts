// Whether the PIDs of the images are free on this host, and births with them.
import { type ProcStat, ProcessGone, readAllStats, readStatus, readWhole } from '@criu-ts/kernel/procfs';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import { HostLacks, type TaskName } from '../errors.js';
import type { RestorePlan } from './run.js';

/**
 * Who keeps a PID from being used: a process, or one whose group or session has that number; undefined: nobody for
 * long. A zombie does so until its parent, mostly init by now, looks after it.
 * @param stats of all processes
 */
export function holderOf(pid: number, stats: readonly ProcStat[] = readAllStats()): string | undefined {
  const alive = stats.filter(({ state }) => state !== 'Z' && state !== 'X');
  const holder = alive.find((one) => one.pid === pid);
  if (holder !== undefined) return `process ${holder.pid} (${holder.comm})`;
  const member = alive.find(({ pgrp, session }) => pgrp === pid || session === pid);
  return member && `the ${member.pgrp === pid ? 'group' : 'session'} of process ${member.pid} (${member.comm})`;
}

export function pidTaken(task: TaskName, holder: string): HostLacks {
  return new HostLacks('pid-taken', `the PID is taken: ${holder}`, { task, hint: 'end who has it, or restore in a new PID namespace' });
}

export function pidTooHigh(task: TaskName): HostLacks {
  return new HostLacks('pid-max', "the PID is above this host's kernel.pid_max", { task, hint: `sysctl kernel.pid_max=${task.pid + 1}` });
}

const EEXIST = 17;
const EINVAL = 22;
/** Milliseconds. */
const REAPING_TIME = 3000;
/** Nobody ever wakes it: a sleep. */
const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Makes a task whose id may be taken for a moment still: by a zombie, or by a thread that is not quite gone when its
 * process could be waited for (kernel/exit.c, release_task frees ids last).
 * @throws HostLacks
 */
export function withId(task: TaskName, id: number, make: () => Puppet): Puppet {
  const object = id === task.pid ? {} : { object: `thread ${id}` };
  for (const deadline = performance.now() + REAPING_TIME; ; Atomics.wait(never, 0, 0, 1)) {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SyscallFailed)) throw error;
      if (error.errno === EINVAL) throw pidTooHigh({ ...task, pid: id }).add({ ...object, cause: error });
      if (error.errno !== EEXIST) throw error;
      const holder = holderOf(id) ?? threadHolder(id);
      if (holder === undefined && performance.now() < deadline) continue;
      throw pidTaken(task, holder ?? 'nobody any more').add({ ...object, cause: error });
    }
  }
}

/** All PIDs and thread ids of the images, and those of leaders that are stood in for, that can't be had now. */
export function pidObstacles({ tasks, dead, growth }: RestorePlan): HostLacks[] {
  const stats = readAllStats();
  const max = Number(readWhole('/proc/sys/kernel/pid_max').toString('latin1'));
  const standIns = growth.flatMap((step) => (step.kind === 'stand-in' ? [{ name: { pid: step.pid }, tids: [step.pid] }] : []));
  const wanted = [...tasks.map(({ name, threads }) => ({ name, tids: [...threads.keys()] })), ...dead.map(({ name, pid }) => ({ name, tids: [pid] })), ...standIns];
  return wanted.flatMap(({ name, tids }) =>
    tids.flatMap((tid) => {
      const object = tid === name.pid ? {} : { object: `thread ${tid}` };
      if (tid >= max) return [pidTooHigh({ ...name, pid: tid })];
      const holder = holderOf(tid, stats) ?? threadHolder(tid);
      return holder === undefined ? [] : [pidTaken(name, holder).add(object)];
    }),
  );
}

/** Threads stand in /proc, too, though they are not listed there. */
function threadHolder(tid: number): string | undefined {
  try {
    const { tgid, name } = readStatus(tid);
    return tgid === tid ? undefined : `thread ${tid} (${name}) of process ${tgid}`;
  } catch (error) {
    if (error instanceof ProcessGone) return undefined;
    throw error;
  }
}
