// timer_create(2), kernel/time/posix-timers.c
import type { posix_timer_entry } from '@criu-ts/images';
import { itimerspec, PR, SIGEV, sigevent, SYS } from '@criu-ts/kernel/abi';
import { isAbsent, type PosixTimer, readTimers } from '@criu-ts/kernel/procfs';
import { rawSyscall } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';
import type { DumpTask } from '../../model/dump-task.js';
import { Unsupported } from '../../errors.js';
import type { RestoreContext } from '../contexts.js';
import type { ProcessFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

/** How many fit in a remote task's data area at once. */
const BLOCK = 64;
const NOT_ARMED = { isec: 0n, iusec: 0n, vsec: 0n, vusec: 0n } as const;

export const posixTimers: ProcessFacet = {
  name: 'POSIX timers',
  judge(task, at) {
    for (const timer of readPosixTimers(task)) {
      if ((timer.notify & SIGEV.THREAD_ID) === 0 || notifiedThread(task, timer) !== undefined) continue;
      at.refuse(new Unsupported('task', 'it notifies a thread that is gone', { object: `POSIX timer ${timer.id}`, task: task.name }));
    }
  },
  capture(task, core, remote) {
    const timers = readPosixTimers(task).sort((a, b) => a.id - b.id);
    const posix: posix_timer_entry[] = [];
    for (let start = 0; start < timers.length; start += BLOCK) {
      const block = timers.slice(start, start + BLOCK);
      const overruns = block.map(({ id }) => mustCall(remote, SYS.timer_getoverrun, id));
      block.forEach(({ id }, i) => mustCall(remote, SYS.timer_gettime, id, remote.data + i * itimerspec.size));
      const bytes = remote.read(remote.data, block.length * itimerspec.size);
      block.forEach((timer, i) => posix.push(encode(timer, itimerspec.decode(bytes, i * itimerspec.size), overruns[i] as number, notifiedThread(task, timer))));
    }
    taskCoreOf(core).timers = { real: NOT_ARMED, virt: NOT_ARMED, prof: NOT_ARMED, ...taskCoreOf(core).timers, posix };
  },
  restore: [
    {
      phase: 'late',
      because: 'they name threads',
      run(process, batch, at) {
        const timers = [...(readTaskCore(process.core).timers?.posix ?? [])].sort((a, b) => a.itId - b.itId);
        if (timers.length > 0) create(timers, batch, at);
      },
    },
    {
      phase: 'arm',
      because: 'they run from now on',
      run(process, batch) {
        for (const timer of readTaskCore(process.core).timers?.posix ?? []) {
          const value = toArm(timer);
          if (value !== undefined) batch.doing(`arm POSIX timer ${timer.itId}`).call(SYS.timer_settime, timer.itId, 0, batch.bytes(value), 0);
        }
      },
    },
  ],
};

function readPosixTimers(task: DumpTask): PosixTimer[] {
  try {
    return readTimers(task.pid);
  } catch (error) {
    if (isAbsent(error)) throw new Unsupported('task', 'the kernel does not tell the POSIX timers of a process', { task: task.name, why: 'it lacks CONFIG_CHECKPOINT_RESTORE' });
    throw error;
  }
}

/** Its id as the process sees it; undefined: none is meant, or it is gone. */
function notifiedThread(task: DumpTask, timer: PosixTimer): number | undefined {
  if ((timer.notify & SIGEV.THREAD_ID) === 0) return undefined;
  return task.threads.find(({ tid }) => tid === timer.target)?.status.nsPid.at(-1);
}

type Itimerspec = ReturnType<typeof itimerspec.decode>;

function encode(timer: PosixTimer, { it_interval, it_value }: Itimerspec, overrun: number, thread: number | undefined): posix_timer_entry {
  return {
    itId: timer.id,
    clockId: timer.clockId >>> 0,
    siSigno: timer.signal,
    itSigevNotify: timer.notify,
    sivalPtr: timer.value,
    overrun,
    isec: it_interval.tv_sec,
    insec: it_interval.tv_nsec,
    vsec: it_value.tv_sec,
    vnsec: it_value.tv_nsec,
    ...(thread !== undefined && { notifyThreadId: thread }),
  };
}

/** Each with its own id: told to the kernel since 6.15 (PR_TIMER_CREATE_RESTORE_IDS), before that ids are counted from 0. */
function create(timers: readonly posix_timer_entry[], batch: Batch, at: RestoreContext): void {
  const restoreIds = at.shared('timer_create takes ids', () => rawSyscall(SYS.prctl, PR.TIMER_CREATE_RESTORE_IDS, PR.TIMER_CREATE_RESTORE_IDS_GET) >= 0);
  if (restoreIds) batch.call(SYS.prctl, PR.TIMER_CREATE_RESTORE_IDS, PR.TIMER_CREATE_RESTORE_IDS_ON);
  let next = 0;
  for (const timer of timers) {
    batch.doing(`create POSIX timer ${timer.itId}`);
    for (; !restoreIds && next < timer.itId; next++) {
      createOne(timer, next, batch);
      batch.call(SYS.timer_delete, next);
    }
    createOne(timer, timer.itId, batch);
    next = timer.itId + 1;
    // It fails where the kernel gave another id.
    if (!restoreIds) batch.call(SYS.timer_getoverrun, timer.itId);
  }
  if (restoreIds) batch.call(SYS.prctl, PR.TIMER_CREATE_RESTORE_IDS, PR.TIMER_CREATE_RESTORE_IDS_OFF);
}

function createOne(timer: posix_timer_entry, id: number, batch: Batch): void {
  // A batch that is full runs by itself and begins its data anew; an id and an event for each of many attempts fill it too.
  if (batch.dataLeft < 256) batch.run();
  const wanted = batch.struct(4);
  wanted.view.setInt32(0, id, true);
  const event = batch.struct(sigevent.size);
  sigevent.write(event.view, 0, {
    sigev_value: timer.sivalPtr,
    sigev_signo: timer.siSigno,
    sigev_notify: timer.itSigevNotify,
    ...(timer.notifyThreadId !== undefined && { sigev_notify_thread_id: timer.notifyThreadId }),
  });
  batch.call(SYS.timer_create, timer.clockId | 0, event.address, wanted.address);
}

/** struct itimerspec; undefined: not armed. With an interval but nothing left it is about to go off: armed with the interval, as CRIU does. */
export function toArm({ isec, insec, vsec, vnsec }: posix_timer_entry): Uint8Array | undefined {
  if (isec === 0n && insec === 0n && vsec === 0n && vnsec === 0n) return undefined;
  const it_interval = { tv_sec: isec, tv_nsec: insec };
  const it_value = vsec === 0n && vnsec === 0n ? it_interval : { tv_sec: vsec, tv_nsec: vnsec };
  return itimerspec.encode({ it_interval, it_value });
}
