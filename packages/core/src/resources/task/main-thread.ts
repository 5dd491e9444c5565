// A main thread that has ended while others of its process live on, as by pthread_exit(3) in main(). The kernel keeps it
// as a zombie until they have ended, too (kernel/exit.c, delay_group_leader).
import type { core_entry } from '@criu-ts/images';
import { SECCOMP } from '@criu-ts/kernel/abi';
import { Unsupported } from '../../errors.js';
import type { DumpTask } from '../../model/dump-task.js';
import type { ProcessFacet } from '../facets.js';
import { TASK_STATE, taskCoreOf } from './core-images.js';

/** That it has ended, and how. */
export const mainThread: ProcessFacet = {
  name: 'main thread',
  judge({ id, pid, name, process, threads }, at) {
    if (id === pid) return;
    if (process.stopSignal !== undefined) {
      at.refuse(
        new Unsupported('task', 'it is stopped, and its main thread has ended while others live on: both at once is not supported', {
          task: name,
          why: 'the kernel tells the signal that stopped it where it told how the main thread had ended',
          hint: 'let it go on (SIGCONT) before the dump',
        }),
      );
    }
    if (threads.some(({ status }) => status.seccomp !== SECCOMP.MODE_DISABLED)) {
      at.refuse(
        new Unsupported('seccomp', 'it has seccomp filters, and its main thread has ended while others live on: both at once is not supported', {
          task: name,
          why: 'a restored main thread ends under the filters, which may forbid it',
          hint: 'keep the main thread alive (pthread_join)',
        }),
      );
    }
  },
  capture({ id, pid, stat }, core) {
    if (id !== pid) Object.assign(taskCoreOf(core), { taskState: TASK_STATE.MAIN_ENDED, exitCode: stat.exitCode });
  },
  restore: [],
};

/** Whether it is to end again once the process is restored. */
export function mainHasEnded({ tc }: core_entry): boolean {
  return tc?.taskState === TASK_STATE.MAIN_ENDED;
}

/** The images of all threads by their ids. That of a main thread that has ended has of a thread what a zombie shows, and no registers. */
export function* coresOf({ id, pid, stat, threads }: DumpTask): Generator<readonly [number, core_entry]> {
  for (const { tid, core } of threads) {
    const { tc, threadCore, ...rest } = core;
    if (tid !== pid || id === pid || tc === undefined || threadCore === undefined) {
      yield [tid, core];
      continue;
    }
    const { creds, cgSet } = threadCore;
    const left = { futexRla: 0n, futexRlaLen: 0, comm: stat.comm, ...(creds && { creds }), ...(cgSet !== undefined && { cgSet }) };
    yield [id, { mtype: core.mtype, tc: { ...tc, comm: stat.comm, blkSigset: 0n }, threadCore: left }];
    yield [tid, { ...rest, threadCore: { ...threadCore, blkSigset: tc.blkSigset } }];
  }
}

/** Children that want a signal at the death of their parent (prctl(2), PR_SET_PDEATHSIG) would get it when its main thread ends again. */
export function judgeOrphans(tasks: readonly DumpTask[]): Unsupported[] {
  const ended = new Set(tasks.filter(({ id, pid }) => id !== pid).map(({ id }) => id));
  return tasks
    .filter(({ stat, threads }) => ended.has(stat.ppid) && threads.some(({ core }) => (core.threadCore?.pdeathSig ?? 0) !== 0))
    .map(
      ({ name, stat }) =>
        new Unsupported('task', `it wants a signal at the death of its parent ${stat.ppid}, whose main thread has ended while others live on: that is not supported`, {
          task: name,
          why: 'it would get that signal at the restore, when the main thread ends again',
          hint: 'do without PR_SET_PDEATHSIG, or keep the main thread of the parent alive (pthread_join)',
        }),
    );
}
