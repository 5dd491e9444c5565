import { BLOB } from '@criu-ts/tracee';
import { HostLacks, ImageCorrupt } from '../errors.js';
import { PAGE, TASK_SIZE } from '../resources/memory/vma-status.js';
import type { RestorePlan, TaskImages } from './run.js';

/** Room behind the blob where vvar and vdso wait while everything else is replaced. */
export const PARKING = 64 * PAGE;

/** Programs, heaps and libraries lie far from here in every usual layout; a seed's mappings too. */
const BLOB_SEARCH_START = 0x100_0000_0000;

/** Pure: decides everything that doesn't depend on the host. */
export function planRestore(tasks: readonly TaskImages[]): RestorePlan {
  const pids = new Set<number>();
  for (const { pid, tree } of tasks) {
    if (tree.ppid !== 0 && !pids.has(tree.ppid)) throw new ImageCorrupt(`process ${pid} comes before its parent ${tree.ppid}`, { object: 'pstree.img' });
    if (pids.has(pid)) throw new ImageCorrupt(`process ${pid} is there twice`, { object: 'pstree.img' });
    pids.add(pid);
  }
  return { tasks, blob: findHole(tasks, BLOB.size + PARKING) };
}

/** The first gap of that size in all address spaces at once. */
function findHole(tasks: readonly TaskImages[], size: number): number {
  const ranges = tasks.flatMap(({ mm }) => mm.vmas.map(({ start, end }) => [Number(start), Number(end)] as const));
  ranges.sort(([a], [b]) => a - b);
  let at = BLOB_SEARCH_START;
  for (const [start, end] of ranges) {
    if (end <= at) continue;
    if (start >= at + size) break;
    at = end;
  }
  if (at + size > TASK_SIZE) throw new HostLacks('address-space', 'there is no room for our code beside the processes\' own memory');
  return at;
}
