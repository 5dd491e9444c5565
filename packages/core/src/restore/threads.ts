import { CLONE } from '@criu-ts/kernel/abi';
import type { RestorePhase, ThreadToRestore } from '../resources/facets.js';
import { restoreFacets, restoreThreadFacets } from '../resources/task/index.js';
import { withId } from './pids.js';
import type { RestoreRun } from './run.js';

/** Everything that threads of one process share (pthread_create(3) has the same, but for the ids it lets the kernel store). */
const THREAD_FLAGS = CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD | CLONE.SYSVSEM;

/** Bears the threads, each with its id, and brings them as far as the main thread is. */
export function growThreads(run: RestoreRun): void {
  for (const { pid, threads } of run.plan.tasks) {
    const process = run.task(pid);
    for (const [tid, core] of threads) {
      if (tid === pid) continue;
      const puppet = withId(process.name, tid, () => process.puppet.clone({ flags: THREAD_FLAGS, exitSignal: 0, setTid: [tid] }));
      run.threads.set(tid, { task: process, tid, puppet, core });
    }
    restoreThreadFacets('early', threadsOf(run, [...threads.keys()].filter((tid) => tid !== pid)), run);
  }
}

/** The phase before there is memory or a second thread. */
export function restoreEarly(run: RestoreRun): void {
  for (const { pid } of run.plan.tasks) restoreFacets('early', run.task(pid), threadsOf(run, [pid]), run);
}

/** Runs a later phase of all facets. */
export function restorePhase(run: RestoreRun, phase: RestorePhase): void {
  for (const { pid, threads } of run.plan.tasks) restoreFacets(phase, run.task(pid), threadsOf(run, threads.keys()), run);
}

function threadsOf(run: RestoreRun, tids: Iterable<number>): ThreadToRestore[] {
  return [...tids].map((tid) => run.thread(tid));
}
