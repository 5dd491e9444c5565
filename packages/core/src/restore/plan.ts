import type { mm_entry } from '@criu-ts/images';
import { BLOB } from '@criu-ts/tracee';
import { HostLacks, ImageCorrupt, throwProblems, Unsupported } from '../errors.js';
import { type GrowthTask, planGrowth } from '../model/growth.js';
import { PAGE, TASK_SIZE, VMA } from '../resources/memory/vma-status.js';
import type { DeadImages, RestorePlan, TaskImages } from './run.js';

/** Room behind the blob where vvar and vdso wait while everything else is replaced. */
export const PARKING = 64 * PAGE;

/** Programs, heaps and libraries lie far from here in every usual layout; a seed's mappings too. */
const BLOB_SEARCH_START = 0x100_0000_0000;

/** Pure: decides everything that doesn't depend on the host. */
export function planRestore(tasks: readonly TaskImages[], dead: readonly DeadImages[] = []): RestorePlan {
  checkTree(tasks, dead);
  const living = tasks.map(({ tree, ids }): GrowthTask => ({ ...tree, ids }));
  const growth = planGrowth([...living, ...dead.map(({ tree }) => tree)]);
  const names = new Map([...tasks, ...dead].map(({ pid, name }) => [pid, name]));
  throwProblems(
    growth.problems.map(({ pid, object, what }) => {
      const task = names.get(pid);
      return new Unsupported('image', `it can't be put into the tree again: ${what}`, { object, ...(task && { task }) });
    }),
  );
  return { tasks, dead, growth: growth.steps, blob: findHole(tasks.map(({ mm }) => mm), BLOB.size + PARKING) };
}

function checkTree(tasks: readonly TaskImages[], dead: readonly DeadImages[]): void {
  const pids = new Set<number>();
  for (const { pid, tree } of [...tasks, ...dead]) {
    if (tree.ppid === 0 && pids.size > 0) throw new ImageCorrupt(`process ${pid} has no parent`, { object: 'pstree.img' });
    if (tree.ppid !== 0 && !pids.has(tree.ppid)) throw new ImageCorrupt(`process ${pid} comes before its parent ${tree.ppid}`, { object: 'pstree.img' });
    if (pids.has(pid)) throw new ImageCorrupt(`process ${pid} is there twice`, { object: 'pstree.img' });
    pids.add(pid);
  }
  if (tasks.length === 0) throw new ImageCorrupt('the root of the tree is dead', { object: 'pstree.img' });
}

/** The first gap of that size in all address spaces at once. Each is gone through once at most, and only as far as the gap lies. */
function findHole(memories: readonly Pick<mm_entry, 'vmas'>[], size: number): number {
  let at = BLOB_SEARCH_START;
  const places = memories.map(({ vmas }) => ({ vmas, next: 0 }));
  for (let before = 0; before !== at;) {
    before = at;
    for (const place of places) {
      for (let vma = place.vmas[place.next]; vma !== undefined && Number(vma.start) < at + size; vma = place.vmas[++place.next]) {
        // Guards lie in mappings.
        if (!(vma.status & VMA.GUARD)) at = Math.max(at, Number(vma.end));
      }
    }
  }
  if (at + size > TASK_SIZE) throw new HostLacks('address-space', 'there is no room for our code beside the processes\' own memory');
  return at;
}
