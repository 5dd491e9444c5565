import { KCMP } from '@criu-ts/kernel/abi';
import { kcmp } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import type { DumpTask } from '../model/dump-task.js';
import { KernelObjects } from './kernel-identity.js';

/** What clone(2) lets tasks share, as KCMP_* names it. */
const MEMORY = { type: KCMP.VM, what: 'memory', flag: 'CLONE_VM' };
const DESCRIPTORS = { type: KCMP.FILES, what: 'descriptors', flag: 'CLONE_FILES' };
const DIRECTORIES = { type: KCMP.FS, what: 'working directory, root and umask', flag: 'CLONE_FS' };

/** What processes can't share yet. Signal handlers are shared only together with memory. */
const REFUSED = [MEMORY];
/** Threads always share memory and handlers; the rest they can stop sharing (unshare(2)). */
const THREADS_MAY_LEAVE = [DESCRIPTORS, DIRECTORIES];

type Shared = typeof MEMORY;

/** Tells the processes that share what processes usually have for themselves, and the threads that don't share what threads do. */
export function judgeSharing(tasks: readonly DumpTask[]): Unsupported[] {
  return [...REFUSED.flatMap((shared) => sharingProcesses(tasks, shared)), ...tasks.flatMap(loneThreads)];
}

function sharingProcesses(tasks: readonly DumpTask[], { type, what, flag }: Shared): Unsupported[] {
  const objects = new KernelObjects<number>(type);
  return tasks.flatMap(({ pid, name }) => {
    const first = objects.findOrAdd(pid, 0, () => pid);
    if (first === pid) return [];
    return [new Unsupported('sharing', `it shares its ${what} with process ${first}, which is not supported yet`, { object: what, task: name, why: `one of them was made by clone(2) or vfork(2) with ${flag}`, hint: 'dump it when the child has called exec(2), or ended' })];
  });
}

function loneThreads({ pid, name, threads }: DumpTask): Unsupported[] {
  return threads.flatMap(({ tid }) =>
    THREADS_MAY_LEAVE.filter(({ type }) => tid !== pid && kcmp(pid, tid, type, 0, 0) > 0).map(
      ({ what, flag }) => new Unsupported('sharing', `it has ${what} of its own, which is not supported`, { object: `thread ${tid}`, task: name, why: `it has called unshare(2) with ${flag}; the images have one set for all threads of a process` }),
    ),
  );
}
