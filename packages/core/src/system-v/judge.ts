// What of System V IPC hangs on the processes of a tree: segments that they have attached, semaphores that they hold.
import { KCMP } from '@criu-ts/kernel/abi';
import { mapFilePath, readAllStats, readSystemVIds } from '@criu-ts/kernel/procfs';
import { kcmp } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import type { DumpContext } from '../resources/contexts.js';
import { attachedSegments, attachedSize, attachmentsOf, isSystemV } from '../resources/memory/system-v.js';
import type { DumpedNamespace } from '../resources/namespace-kind.js';
import { statSegment } from './segments.js';
import { lastUsers } from './semaphores.js';

const isExternal = ({ options }: DumpContext, kind: 'shm' | 'sem', id: number): boolean => options.external?.includes(`${kind}[${id}]`) === true;

/**
 * Segments that the tree has attached, each once: tells those that can't be kept, and notes the memory of the others.
 * We must be in their namespace.
 */
export function judgeAttached({ tasks }: DumpedNamespace, at: DumpContext): void {
  const attached = new Map<number, number>();
  for (const { pid, name, mappings } of tasks) {
    for (const { entry, start, end } of mappings) {
      if (!isSystemV(entry)) continue;
      const id = Number(entry.shmid);
      attached.set(id, (attached.get(id) ?? 0) + 1);
      if (!isExternal(at, 'shm', id)) at.noteSharedMemory(entry.shmid, mapFilePath(pid, { start, end }));
    }
    let end = 0;
    const entries = mappings.map(({ entry }) => entry);
    const hugetlbFlags = attachedSegments(entries);
    for (const { id, base } of attachmentsOf(entries)) {
      if (base < end) at.refuse(new Unsupported('shm', 'another one is attached where a part of it was unmapped', { object: `System V segment ${id}`, task: name, why: 'a segment can only be attached whole' }));
      end = base + attachedSize({ size: statSegment(id)?.shm_segsz ?? 0n, hugetlbFlag: hugetlbFlags.get(id) });
    }
  }
  for (const [id, count] of attached) judgeSegment(id, count, at);
}

/** @param count of mappings in the tree */
function judgeSegment(id: number, count: number, at: DumpContext): void {
  const object = `System V segment ${id}`;
  const status = statSegment(id);
  if (status === undefined) {
    at.refuse(new Unsupported('shm', 'it is not to be found', { object, why: 'it belongs to another ipc namespace' }));
  } else if (status.shm_nattch > BigInt(count) && !isExternal(at, 'shm', id)) {
    at.refuse(
      new Unsupported('shm', 'processes outside of the tree have attached it too', {
        object,
        why: `it is attached ${status.shm_nattch} times, ${count} of them in the tree`,
        hint: `end those, dump from a common ancestor, or leave it to the outside by --external shm[${id}]`,
      }),
    );
  }
}

/**
 * The end of a process gives back what it took by SEM_UNDO, and nothing tells how much that is (semadj, semop(2)). Who
 * was the last to change a semaphore, and has used SEM_UNDO, may hold it. We must be in its namespace.
 * @param hint what else could be done
 */
export function judgeSemaphores({ tasks }: DumpedNamespace, at: DumpContext, hint: string): void {
  const sets = readSystemVIds('sem');
  if (sets.length === 0) return;
  const suspects = new Map(tasks.map((task) => [task.name.pid, task]));
  for (const id of sets) {
    if (isExternal(at, 'sem', id)) continue;
    for (const user of new Set(lastUsers(id))) {
      const task = suspects.get(user);
      if (task === undefined || hasNoList(task.pid, at)) continue;
      at.refuse(
        new Unsupported('semadj', 'it may hold it by SEM_UNDO', {
          object: `System V semaphore set ${id}`,
          task: task.name,
          why: 'the kernel gives it back when the process ends, and tells nobody how much it was',
          hint: `${hint}say by --external sem[${id}] that nothing is held`,
        }),
      );
    }
  }
}

/**
 * Who never used SEM_UNDO has no list of what to give back. Two strangers have the same list only where both have none.
 * A program with threads has one from their beginning (CLONE_SYSVSEM).
 */
function hasNoList(pid: number, at: DumpContext): boolean {
  const strangers = at.shared('processes outside of the tree', () => readAllStats().filter((stat) => !at.hasProcess(stat.pid)));
  return strangers.some((stranger) => kcmp(pid, stranger.pid, KCMP.SYSVSEM, 0, 0) === 0);
}
