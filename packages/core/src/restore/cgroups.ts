import { type core_entry, IMAGE_TYPES } from '@criu-ts/images';
import type { Puppet } from '@criu-ts/tracee';
import { modeOf } from '../resources/cgroups/options.js';
import type { RestoreRun, TaskImages } from './run.js';

/** Finds or makes the cgroups of the tree. Nothing where it lived in those of whoever dumped it. */
export async function prepareCgroups(run: RestoreRun): Promise<void> {
  if (modeOf(run.options) === 'ignore') return;
  const [image] = run.images.readIfPresent(IMAGE_TYPES.cgroup);
  if (image === undefined || image.sets.length === 0) return;
  const { RestoredCgroups } = await import('../resources/cgroups/restore.js');
  const cgroups = run.scope.use(new RestoredCgroups(image, run.options));
  run.scope.defer(() => {
    if (!run.alive) cgroups.removeMade();
  });
  run.cgroups = cgroups;
}

/**
 * Puts a newborn into its cgroups, before it has memory: that is charged to the cgroup of who first touches it.
 * @param from the set that its bearer is in, where it was born; undefined: ours
 * @returns the set that it is in
 */
export function enterCgroup(run: RestoreRun, { core }: TaskImages, puppet: Puppet, from: number | undefined): number | undefined {
  const set = setOf(core);
  const wanted = set === run.inventory?.rootCgSet ? undefined : set;
  if (run.cgroups === undefined || wanted === from) return from;
  const { pid } = puppet.tracee;
  if (wanted !== undefined) run.cgroups.move(wanted, { pid, ...(from !== undefined && { from }) });
  else if (from !== undefined) run.cgroups.bringHome(from, pid);
  return wanted;
}

/** Threads in other cgroups than their process, and what the cgroups are to be like. */
export function settleCgroups(run: RestoreRun): void {
  if (run.cgroups === undefined) return;
  for (const { pid, core, threads } of run.plan.tasks) {
    const from = setOf(core);
    for (const [tid, thread] of threads) {
      const set = setOf(thread);
      if (tid !== pid && set !== undefined && from !== undefined && set !== from) run.cgroups.move(set, { tid: run.thread(tid).puppet.tracee.tid, from });
    }
  }
  run.cgroups.writeProperties();
}

/** undefined: nothing is known of it (CRIU's 0). */
function setOf({ tc, threadCore }: core_entry): number | undefined {
  const set = threadCore?.cgSet ?? tc?.cgSet;
  return set === 0 ? undefined : set;
}
