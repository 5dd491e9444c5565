// Relatives share pages again: what a bearer and its heirs have in common is there before they are born.
import type { Puppet } from '@criu-ts/tracee';
import type { GrowthStep } from '../model/growth.js';
import { PageComparer } from '../resources/memory/equal-pages.js';
import { type Kin, planHeritage, rangesOf } from '../resources/memory/heritage.js';
import { mapRegions } from '../resources/memory/map-vmas.js';
import { cutRuns, sizeOf } from '../resources/memory/page-set.js';
import { attachedRanges } from '../resources/memory/system-v.js';
import { PAGE } from '../resources/memory/vma-status.js';
import { allowHugePages } from '../resources/task/index.js';
import { dropPages, fileOfMapping, keepOnly, mapAndFill, releaseDescriptors } from './fill-memory.js';
import { segmentSizes } from './memory.js';
import type { RestoreRun, TaskImages } from './run.js';

/** Finds out what will be shared. Nobody is asked who bears nobody: then it costs nothing. */
export function compareRelatives(run: RestoreRun): void {
  const { tasks, growth } = run.plan;
  const bearers = bearersOf(growth, new Map(tasks.map(({ pid, memory }) => [pid, memory])));
  if (bearers.size === 0) return;
  const kin = tasks.filter(({ pid, memory }) => pid === memory).map(({ pid, mm }): Kin => {
    const bearer = bearers.get(pid);
    return { pid, mm, ...(bearer !== undefined && { bearer }) };
  });
  const comparer = new PageComparer();
  const sizeOfSegment = segmentSizes(run);
  run.heritage = planHeritage(
    kin,
    {
      runsOf: (pid) => run.pages.of(pid).runs,
      equal(bearer, heir, candidates) {
        run.stats.pagesCompared += sizeOf(candidates) / PAGE;
        const equal = comparer.equal(run.pages.of(bearer), run.pages.of(heir), candidates);
        run.stats.pagesSkippedCow += sizeOf(equal) / PAGE;
        return equal;
      },
    },
    (mm) => attachedRanges(mm, sizeOfSegment),
  );
}

/**
 * Of whose memory each one's is a copy at first. A memory is named by the process that the images have it under; who is not
 * of the images, or is dead, has what its bearer had.
 */
function bearersOf(growth: readonly GrowthStep[], memories: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  const memoryOf = new Map<number, number>();
  const bearers = new Map<number, number>();
  for (const step of growth) {
    if (step.kind !== 'bear' && step.kind !== 'adopt' && step.kind !== 'stand-in') continue;
    const bearer = memoryOf.get(step.by);
    const own = memories.get(step.pid);
    const memory = own ?? bearer;
    if (memory !== undefined) memoryOf.set(step.pid, memory);
    if (own !== undefined && bearer !== undefined && own !== bearer) bearers.set(own, bearer);
  }
  return bearers;
}

/** To be called when somebody is born with a memory, before it bears anybody: makes it what its heirs are to be born with. */
export async function settleHeritage(run: RestoreRun, task: TaskImages, puppet: Puppet): Promise<void> {
  const heritage = run.heritage.get(task.memory);
  if (heritage?.hasHeirs !== true) return;
  const pages = run.pages.of(task.memory);
  await mapAndFill(run, task, puppet, {
    pages,
    runs: cutRuns(pages.runs, heritage.filled),
    map(b, bring) {
      keepOnly(b, run, heritage.kept);
      dropPages(b, rangesOf(heritage.kept), heritage.keptPages);
      allowHugePages(b, task.mm);
      mapRegions(b, heritage.made, (vma) => bring(fileOfMapping(run, vma)));
    },
    finish: releaseDescriptors,
  });
}
