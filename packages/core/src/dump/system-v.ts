import { IMAGE_TYPES } from '@criu-ts/images';
import { KCMP, SYS } from '@criu-ts/kernel/abi';
import { mapFilePath, readAllStats, readSystemVIds } from '@criu-ts/kernel/procfs';
import { kcmp, rawSyscall } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import { ownIds } from '../resources/identity.js';
import { attachedSize, attachmentsOf, describeSegment, isSystemV, statSegment } from '../resources/memory/system-v.js';
import type { DumpRun } from './run.js';

/** semctl(2) */
const GETPID = 11;

/** System V segments that the tree has attached, each once; and what of System V semaphores can't be kept. */
export function judgeSystemV(run: DumpRun): void {
  judgeSegments(run);
  judgeSemaphores(run);
}

function judgeSegments(run: DumpRun): void {
  const attached = new Map<number, { count: number; readonly flags: number }>();
  for (const { pid, name } of run.tasks) {
    // Attached once, however many processes share the memory.
    const vmas = run.vmas.get(pid) ?? [];
    for (const { entry, start, end } of vmas) {
      if (!isSystemV(entry)) continue;
      const id = Number(entry.shmid);
      attached.set(id, { count: (attached.get(id)?.count ?? 0) + 1, flags: entry.flags });
      if (!isExternal(run, 'shm', id)) run.noteSharedMemory(entry.shmid, mapFilePath(pid, { start, end }));
    }
    let end = 0;
    for (const { id, base, pieces } of attachmentsOf(vmas.map(({ entry }) => entry))) {
      if (base < end) run.refuse(new Unsupported('shm', 'another one is attached where a part of it was unmapped', { object: `System V segment ${id}`, task: name, why: 'a segment can only be attached whole' }));
      const status = statSegment(id);
      if (status !== undefined) end = base + attachedSize(describeSegment(id, status, pieces[0]?.flags ?? 0));
    }
  }
  for (const [id, { count, flags }] of attached) judgeSegment(run, id, count, flags);
}

/** @param count of mappings in the tree @param flags of one of them */
function judgeSegment(run: DumpRun, id: number, count: number, flags: number): void {
  const object = `System V segment ${id}`;
  const status = statSegment(id);
  if (status === undefined) {
    run.refuse(new Unsupported('shm', 'it is not to be found', { object, why: 'it belongs to another ipc namespace' }));
    return;
  }
  const external = isExternal(run, 'shm', id);
  if (status.shm_nattch > BigInt(count) && !external) {
    run.refuse(
      new Unsupported('shm', 'processes outside of the tree have attached it too', {
        object,
        why: `it is attached ${status.shm_nattch} times, ${count} of them in the tree`,
        hint: `end those, dump from a common ancestor, or leave it to the outside by --external shm[${id}]`,
      }),
    );
  }
  run.append(IMAGE_TYPES.ipcnsShm, { message: { ...describeSegment(id, status, flags), ...(external && { external }) }, payload: new Uint8Array(0) }, ownIds().ipcNsId);
}

/**
 * The end of a process gives back what it took by SEM_UNDO, and nothing tells how much that is (semadj, semop(2)). Who
 * was the last to change a semaphore, and has used SEM_UNDO, may hold it.
 */
function judgeSemaphores(run: DumpRun): void {
  if (run.options.leaveRunning === true || run.options.leaveStopped === true) return;
  const sets = readSystemVIds('sem');
  if (sets.length === 0) return;
  const suspects = new Map(run.tasks.map(({ pid, name }) => [pid, name]));
  for (const id of sets) {
    if (isExternal(run, 'sem', id)) continue;
    for (const pid of new Set(lastUsers(id))) {
      const task = suspects.get(pid);
      if (task === undefined || hasNoList(run, pid)) continue;
      run.refuse(
        new Unsupported('semadj', 'it may hold it by SEM_UNDO', {
          object: `System V semaphore set ${id}`,
          task,
          why: 'the kernel gives it back when the process ends, and tells nobody how much it was',
          hint: `dump it with --leave-running, or say by --external sem[${id}] that nothing is held`,
        }),
      );
    }
  }
}

/**
 * Who never used SEM_UNDO has no list of what to give back. Two strangers have the same list only where both have none.
 * A program with threads has one from their beginning (CLONE_SYSVSEM).
 */
function hasNoList(run: DumpRun, pid: number): boolean {
  const strangers = run.shared('processes outside of the tree', () => readAllStats().filter((stat) => run.tree?.processes.has(stat.pid) === false));
  return strangers.some((stranger) => kcmp(pid, stranger.pid, KCMP.SYSVSEM, 0, 0) === 0);
}

/** Pids of the last semop(2) on each semaphore of a set. */
function* lastUsers(id: number): Generator<number> {
  for (let index = 0; ; index++) {
    const pid = rawSyscall(SYS.semctl, id, index, GETPID, 0);
    if (pid < 0) return;
    if (pid > 0) yield pid;
  }
}

function isExternal(run: DumpRun, kind: 'shm' | 'sem', id: number): boolean {
  return run.options.external?.includes(`${kind}[${id}]`) === true;
}
