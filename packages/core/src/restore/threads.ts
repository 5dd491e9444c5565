import { CLONE } from '@criu-ts/kernel/abi';
import type { RestorePhase } from '../resources/facets.js';
import { restoreProcess, restoreThread } from '../resources/task/index.js';
import type { RestoreRun } from './run.js';

/** Everything that threads of one process share (pthread_create(3) has the same, but for the ids it lets the kernel store). */
const THREAD_FLAGS = CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD | CLONE.SYSVSEM;

/** Bears the threads, each with its id. */
export function growThreads(run: RestoreRun): void {
  for (const { pid, threads } of run.plan.tasks) {
    const process = run.task(pid);
    for (const [tid, core] of threads) {
      if (tid === pid) continue;
      const puppet = process.puppet.clone({ flags: THREAD_FLAGS, exitSignal: 0, setTid: [tid] });
      run.threads.set(tid, { process, puppet, core });
    }
  }
}

/** Runs a phase of all facets: for each process, then for each of its threads. */
export function restorePhase(run: RestoreRun, phase: RestorePhase): void {
  for (const { pid, threads } of run.plan.tasks) {
    const process = run.task(pid);
    process.puppet.batch((batch) => restoreProcess(phase, process, batch, run));
    for (const tid of threads.keys()) {
      const thread = run.threads.get(tid);
      thread?.puppet.batch((batch) => restoreThread(phase, thread, batch, run));
    }
  }
}
