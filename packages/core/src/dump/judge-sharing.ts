import { KCMP } from '@criu-ts/kernel/abi';
import { kcmp } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import type { DumpTask } from '../model/dump-task.js';

/** Threads always share memory and handlers; the rest they can stop sharing, as KCMP_* and unshare(2) name it. */
const THREADS_MAY_LEAVE = [
  { type: KCMP.FILES, what: 'descriptors', flag: 'CLONE_FILES' },
  { type: KCMP.FS, what: 'working directory, root and umask', flag: 'CLONE_FS' },
];

/** Tells the threads that don't share what threads do. */
export function judgeSharing(tasks: readonly DumpTask[]): Unsupported[] {
  return tasks.flatMap(loneThreads);
}

function loneThreads({ pid, name, threads }: DumpTask): Unsupported[] {
  return threads.flatMap(({ tid }) =>
    THREADS_MAY_LEAVE.filter(({ type }) => tid !== pid && kcmp(pid, tid, type, 0, 0) > 0).map(
      ({ what, flag }) => new Unsupported('sharing', `it has ${what} of its own, which is not supported`, { object: `thread ${tid}`, task: name, why: `it has called unshare(2) with ${flag}; the images have one set for all threads of a process` }),
    ),
  );
}
