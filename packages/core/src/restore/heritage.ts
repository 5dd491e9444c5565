// Relatives share pages again: what a bearer and its heirs have in common is there before they are born.
import { PR, SYS } from '@criu-ts/kernel/abi';
import type { Puppet } from '@criu-ts/tracee';
import type { GrowthStep } from '../model/growth.js';
import { PageComparer } from '../resources/memory/equal-pages.js';
import { type Kin, planHeritage, rangesOf } from '../resources/memory/heritage.js';
import { mapRegions } from '../resources/memory/map-vmas.js';
import { cutRuns, sizeOf } from '../resources/memory/page-set.js';
import { attachedRanges } from './system-v.js';
import { PAGE } from '../resources/memory/vma-status.js';
import { dropPages, fileOfMapping, keepOnly, mapAndFill, releaseDescriptors } from './fill-memory.js';
import type { RestoreRun, TaskImages } from './run.js';

/** Finds out what will be shared. Nobody is asked who bears nobody: then it costs nothing. */
export function compareRelatives(run: RestoreRun): void {
  const { tasks, growth } = run.plan;
  const bearers = bearersOf(growth, new Set(tasks.map(({ pid }) => pid)));
  if (bearers.size === 0) return;
  const kin = tasks.map(({ pid, mm }): Kin => {
    const bearer = bearers.get(pid);
    return { pid, mm, ...(bearer !== undefined && { bearer }) };
  });
  const comparer = new PageComparer();
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
    attachedRanges(run),
  );
}

/** Of whose memory each process is born with a copy: who is not of the images, or is dead, has its own bearer's. */
function bearersOf(growth: readonly GrowthStep[], living: ReadonlySet<number>): ReadonlyMap<number, number> {
  const memoryOf = new Map<number, number>();
  const bearers = new Map<number, number>();
  for (const step of growth) {
    if (step.kind !== 'bear' && step.kind !== 'adopt' && step.kind !== 'stand-in') continue;
    const bearer = memoryOf.get(step.by);
    const owner = living.has(step.pid) ? step.pid : bearer;
    if (owner !== undefined) memoryOf.set(step.pid, owner);
    if (bearer !== undefined && living.has(step.pid)) bearers.set(step.pid, bearer);
  }
  return bearers;
}

/** To be called when it is born, before it bears anybody: makes its memory what its heirs are to be born with. */
export async function settleHeritage(run: RestoreRun, task: TaskImages, puppet: Puppet): Promise<void> {
  const heritage = run.heritage.get(task.pid);
  if (heritage?.hasHeirs !== true) return;
  const pages = run.pages.of(task.pid);
  await mapAndFill(run, task, puppet, {
    pages,
    runs: cutRuns(pages.runs, heritage.filled),
    map(b, bring) {
      keepOnly(b, run, heritage.kept);
      dropPages(b, rangesOf(heritage.kept), heritage.keptPages);
      b.doing('allow or forbid huge pages').call(SYS.prctl, PR.SET_THP_DISABLE, task.mm.thpDisabled === true ? 1 : 0, 0, 0, 0);
      mapRegions(b, heritage.made, (vma) => bring(fileOfMapping(run, vma)));
    },
    finish: releaseDescriptors,
  });
}
