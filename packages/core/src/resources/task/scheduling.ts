// sched(7), ioprio_set(2), prctl(2) PR_SET_TIMERSLACK
import type { thread_core_entry } from '@criu-ts/images';
import { IOPRIO, PR, PRIO, SCHED, SCHED_FLAG, sched_attr, SYS } from '@criu-ts/kernel/abi';
import { readTimerSlack } from '@criu-ts/kernel/procfs';
import { Memory, sys } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';

/** What every task has that never asked for another one; ns. */
const DEFAULT_SLACK = 50_000;
const NICE_OF_RAW_PRIORITY = 20;
const attributes = new Memory(sched_attr.size);

/** All by calls of ours that name the thread. */
export const scheduling: ThreadFacet = {
  name: 'scheduling',
  capture({ tid, core }, _remote, at) {
    const attr = readAttributes(tid);
    const usual = at.shared('our own scheduling attributes', () => readAttributes(0));
    const reset = (attr.sched_flags & BigInt(SCHED_FLAG.RESET_ON_FORK)) !== 0n;
    const slack = readTimerSlack(tid);
    const ioprio = sys(SYS.ioprio_get, IOPRIO.WHO_PROCESS, tid);
    Object.assign(threadCoreOf(core), {
      // sched_getattr does not tell it for real-time policies, though the kernel keeps it.
      schedNice: NICE_OF_RAW_PRIORITY - sys(SYS.getpriority, PRIO.PROCESS, tid),
      schedPolicy: (attr.sched_policy | (reset ? SCHED.RESET_ON_FORK : 0)) >>> 0,
      ...(isRealTime(attr.sched_policy) && { schedPrio: attr.sched_priority }),
      ...(attr.sched_policy === SCHED.DEADLINE && { schedRuntime: attr.sched_runtime, schedDeadline: attr.sched_deadline, schedPeriod: attr.sched_period }),
      ...(attr.sched_policy === SCHED.DEADLINE && (attr.sched_flags & DEADLINE_FLAGS) !== 0n && { schedFlags: attr.sched_flags & DEADLINE_FLAGS }),
      // A slice of its own (Linux 6.12): everybody else's is ours.
      ...(hasSlice(attr.sched_policy) && attr.sched_runtime !== usual.sched_runtime && { schedRuntime: attr.sched_runtime }),
      ...(isClamped(attr, usual) && { schedUtilMin: attr.sched_util_min, schedUtilMax: attr.sched_util_max }),
      // A real-time task has none, whatever it asked for.
      ...(slack !== DEFAULT_SLACK && slack !== 0 && { timerSlackNs: BigInt(slack) }),
      ...(ioprio >> IOPRIO.CLASS_SHIFT !== IOPRIO.CLASS_NONE && { ioprio }),
    } satisfies Partial<thread_core_entry>);
  },
  restore: [
    {
      phase: 'late',
      because: 'a real-time or idle puppet would restore at the pace of others',
      run({ core, puppet }, batch) {
        const entry = readThreadCore(core);
        // Before the policy: the kernel ignores it for real-time tasks.
        batch.doing('set the timer slack').call(SYS.prctl, PR.SET_TIMERSLACK, Number(entry.timerSlackNs ?? DEFAULT_SLACK));
        setIoPriority(batch, entry.ioprio ?? 0, puppet.tracee.tid);
        setPolicy(batch, entry);
      },
    },
  ],
};

type Attributes = ReturnType<typeof sched_attr.read>;

function readAttributes(tid: number): Attributes {
  sys(SYS.sched_getattr, tid, attributes.address, sched_attr.size);
  return sched_attr.read(attributes.view, 0);
}

/** A kernel without clamps tells 0. Real-time tasks have the highest lower one from the beginning. */
function isClamped({ sched_policy, sched_util_min, sched_util_max }: Attributes, usual: Attributes): boolean {
  if (isRealTime(sched_policy) && sched_util_min === UTIL_HIGHEST && sched_util_max === UTIL_HIGHEST) return false;
  return sched_util_min !== usual.sched_util_min || sched_util_max !== usual.sched_util_max;
}

const UTIL_HIGHEST = 1024;
const DEADLINE_FLAGS = BigInt(SCHED_FLAG.RECLAIM | SCHED_FLAG.DL_OVERRUN);
const hasSlice = (policy: number): boolean => policy === SCHED.NORMAL || policy === SCHED.BATCH;

function setPolicy(batch: Batch, { schedPolicy, schedNice, schedPrio, ...deadline }: thread_core_entry): void {
  if (schedNice !== undefined) batch.doing(`set the nice value ${schedNice}`).call(SYS.setpriority, PRIO.PROCESS, 0, schedNice);
  if (schedPolicy === undefined) return;
  const reset = schedPolicy >= SCHED.RESET_ON_FORK;
  const attr = sched_attr.encode({
    size: sched_attr.size,
    sched_policy: schedPolicy % SCHED.RESET_ON_FORK,
    sched_flags: BigInt((reset ? SCHED_FLAG.RESET_ON_FORK : 0) | (deadline.schedUtilMin === undefined ? 0 : SCHED_FLAG.UTIL_CLAMP)) | (deadline.schedFlags ?? 0n),
    sched_nice: schedNice ?? 0,
    sched_priority: schedPrio ?? 0,
    sched_runtime: deadline.schedRuntime ?? 0n,
    sched_deadline: deadline.schedDeadline ?? 0n,
    sched_period: deadline.schedPeriod ?? 0n,
    sched_util_min: deadline.schedUtilMin ?? 0,
    sched_util_max: deadline.schedUtilMax ?? 0,
  });
  batch.doing(`set scheduling policy ${schedPolicy}`).call(SYS.sched_setattr, 0, batch.bytes(attr), 0);
}

function setIoPriority(batch: Batch, ioprio: number, tid: number): void {
  const current = sys(SYS.ioprio_get, IOPRIO.WHO_PROCESS, tid);
  // Without a class the kernel tells what follows from the nice value.
  if (current === ioprio || (ioprio === 0 && current >> IOPRIO.CLASS_SHIFT === IOPRIO.CLASS_NONE)) return;
  batch.doing('set the I/O priority').call(SYS.ioprio_set, IOPRIO.WHO_PROCESS, 0, ioprio);
}

const isRealTime = (policy: number): boolean => policy === SCHED.FIFO || policy === SCHED.RR;
