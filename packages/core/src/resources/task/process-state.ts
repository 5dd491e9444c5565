import { readCoredumpFilter, readLoginUid, readOomScoreAdj } from '@criu-ts/kernel/procfs';
import { PR, SIG, SYS } from '@criu-ts/kernel/abi';
import { writeFileSync } from 'node:fs';
import { HostLacks } from '../../errors.js';
import type { ProcessFacet } from '../facets.js';
import { inherited } from './blank-task.js';
import { readTaskCore, TASK_STATE, taskCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

/** Anonymous memory, ELF headers, private huge pages (core(5)). */
const DEFAULT_FILTER = 0x33;
const NO_LOGIN = 0xffff_ffff;

/**
 * Running or stopped, which signal its end sends to its parent, and the kernel's PF_* flags (nobody restores them).
 * The stage that makes the tree restores it.
 */
export const runState: ProcessFacet = {
  name: 'state',
  capture({ process: { stopSignal }, stat }, core) {
    Object.assign(taskCoreOf(core), {
      taskState: stopSignal === undefined ? TASK_STATE.ALIVE : TASK_STATE.STOPPED,
      exitCode: 0,
      flags: stat.flags,
      ...(stopSignal !== undefined && { stopSigno: stopSignal }),
      // The kernel keeps the signal for wait(2) with WUNTRACED, until the parent has taken note (kernel/exit.c, wait_task_stopped).
      ...(stopSignal !== undefined && stat.exitCode === 0 && { stopWaited: true }),
      ...(stat.exitSignal !== SIG.CHLD && { exitSignal: stat.exitSignal }),
    });
  },
  restore: [],
};

/** /proc/PID/oom_score_adj */
export const oomScore: ProcessFacet = {
  name: 'oom_score_adj',
  capture(task, core) {
    taskCoreOf(core).oomScoreAdj = readOomScoreAdj(task.pid);
  },
  restore: [
    {
      phase: 'early',
      because: 'from our side, at any time',
      run(process, _batch, at) {
        const wanted = readTaskCore(process.core).oomScoreAdj;
        const { pid } = process.puppet.tracee;
        if (wanted === undefined || inherited('oom_score_adj', process.puppet, at, readOomScoreAdj) === wanted) return;
        try {
          writeFileSync(`/proc/${pid}/oom_score_adj`, String(wanted));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
          throw new HostLacks('capability', `oom_score_adj can't be made ${wanted}`, { task: process.name, why: 'lowering it needs CAP_SYS_RESOURCE', cause: error });
        }
      },
    },
  ],
};

/** /proc/PID/coredump_filter; CRIU's images lack it. */
export const coredumpFilter: ProcessFacet = {
  name: 'coredump_filter',
  capture(task, core) {
    const filter = readCoredumpFilter(task.pid);
    if (filter !== undefined && filter !== DEFAULT_FILTER) taskCoreOf(core).coredumpFilter = filter;
  },
  restore: [
    {
      phase: 'early',
      because: 'from our side, at any time; a puppet has inherited ours',
      run(process, _batch, at) {
        const wanted = readTaskCore(process.core).coredumpFilter ?? DEFAULT_FILTER;
        const { pid } = process.puppet.tracee;
        if (inherited('coredump_filter', process.puppet, at, readCoredumpFilter) !== wanted) writeFileSync(`/proc/${pid}/coredump_filter`, `0x${wanted.toString(16)}`);
      },
    },
  ],
};

/** /proc/PID/loginuid (audit) */
export const loginUid: ProcessFacet = {
  name: 'loginuid',
  capture(task, core) {
    taskCoreOf(core).loginuid = readLoginUid(task.pid) ?? NO_LOGIN;
  },
  restore: [
    {
      phase: 'early',
      because: 'only the task itself may write it, through a /proc that it may not see later',
      run(process, batch, at) {
        const wanted = readTaskCore(process.core).loginuid;
        if (wanted === undefined || (inherited('loginuid', process.puppet, at, readLoginUid) ?? NO_LOGIN) === wanted) return;
        const text = Buffer.from(String(wanted === NO_LOGIN ? -1 : wanted));
        batch.doing(`set loginuid to ${wanted}`);
        const fd = batch.call(SYS.open, batch.string('/proc/self/loginuid'), 1 /* O_WRONLY */);
        batch.call(SYS.write, fd, batch.bytes(text), text.length);
        batch.call(SYS.close, fd);
      },
    },
  ],
};

/** prctl(2) PR_SET_CHILD_SUBREAPER */
export const childSubreaper: ProcessFacet = {
  name: 'child subreaper',
  capture(_task, core, remote) {
    mustCall(remote, SYS.prctl, PR.GET_CHILD_SUBREAPER, remote.data);
    taskCoreOf(core).childSubreaper = remote.read(remote.data, 4)[0] !== 0;
  },
  restore: [
    {
      phase: 'late',
      because: 'orphans of the restore itself must not come to it',
      run(process, batch) {
        const subreaper = readTaskCore(process.core).childSubreaper ?? false;
        if (subreaper) batch.doing('make it a child subreaper').call(SYS.prctl, PR.SET_CHILD_SUBREAPER, 1);
      },
    },
  ],
};
