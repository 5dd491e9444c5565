import { IMAGE_TYPES } from '@criu-ts/images';
import { threadOf } from '@criu-ts/kernel/procfs';
import { captureCgroups } from '../resources/cgroups/capture.js';
import type { DumpRun } from './run.js';

/** Notes in which cgroups every thread is. */
export function captureTreesCgroups(run: DumpRun): void {
  const threads = run.tasks.flatMap(({ pid, threads }) => threads.map(({ tid }) => ({ tid, task: threadOf(pid, tid) })));
  const { setOf, ownSet, image } = captureCgroups(threads, run.options, run.freezer?.found);
  run.ownCgroups = ownSet;
  for (const { threads } of run.tasks) for (const { tid, core } of threads) Object.assign(core.threadCore ?? {}, { cgSet: setOf.get(tid) });
  if (image !== undefined) run.append(IMAGE_TYPES.cgroup, image);
}
