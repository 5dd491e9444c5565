import { CLONE } from '@criu-ts/kernel/abi';
import type { RestoreRun } from './run.js';

/** Everything that threads of one process share (pthread_create(3) has the same, but for the ids it lets the kernel store). */
const THREAD_FLAGS = CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD | CLONE.SYSVSEM;

/** Bears the threads, each with its id. */
export function growThreads(run: RestoreRun): void {
  for (const { pid, threads } of run.plan.tasks) {
    const task = run.task(pid);
    for (const tid of threads.keys()) {
      if (tid === pid) continue;
      const puppet = task.puppet.clone({ flags: THREAD_FLAGS, exitSignal: 0, setTid: [tid] });
      run.threads.set(tid, { task, tid, puppet });
    }
  }
}
