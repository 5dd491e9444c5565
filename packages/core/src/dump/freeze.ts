import { SIG, WAIT } from '@criu-ts/kernel/abi';
import { ProcessGone } from '@criu-ts/kernel/procfs';
import { kill, wait4 } from '@criu-ts/kernel/sys';
import { FrozenTree, TraceeDied } from '@criu-ts/tracee';
import { DEFAULT_TIMEOUT } from '../options.js';
import { CgroupFreezer } from '../resources/cgroups/freezer.js';
import { mendInterrupted, sampleSleepers } from '../resources/task/index.js';
import { nameOf } from './inspect.js';
import type { DumpRun } from './run.js';

export function freezeTree(run: DumpRun): void {
  const { freezeCgroup } = run.options;
  const freezer = freezeCgroup === undefined ? undefined : new CgroupFreezer(freezeCgroup);
  run.freezer = freezer;
  // Also when a task can't be stopped.
  run.scope.defer(() => freezer?.refreeze());
  const seconds = run.options.timeout ?? DEFAULT_TIMEOUT;
  run.sleepers = sampleSleepers(run.options.pid);
  run.frozenAt = performance.now();
  run.tree = FrozenTree.freeze(run.options.pid, {
    timeout: seconds === 0 ? Infinity : seconds * 1000,
    ...(freezer?.found.frozen === true && { thaw: () => freezer.thaw() }),
    ...(freezer !== undefined && { bystanders: () => freezer.members() }),
    onFrozen: ({ pid, threads }) => run.emit({ type: 'task-frozen', task: nameOf(pid), threads: threads.length }),
  });
  run.scope.defer(() => {
    if (run.tree !== undefined) {
      mendCalls(run);
      freezer?.refreeze();
    }
    run.tree?.[Symbol.dispose]();
  });
  run.stats.freezingTime = Math.round((performance.now() - run.frozenAt) * 1000);
}

/** Kills the tree, lets it run on, or leaves it in a group-stop. */
export function releaseTree(run: DumpRun): void {
  const { tree, options } = run;
  if (tree === undefined) return;
  run.files.letGo();
  const pids = [...tree.processes.values()].filter(({ zombie }) => !zombie).map(({ pid }) => pid);
  const state = options.leaveRunning || run.keepRunning ? 'running' : options.leaveStopped ? 'stopped' : 'killed';
  // SIGSTOP takes hold when the tracer lets go; SIGKILL works on a stopped tracee too.
  if (state === 'stopped') for (const { pid, zombie, stopSignal } of tree.processes.values()) if (!zombie && stopSignal === undefined) kill(pid, SIG.STOP);
  const killedAt = performance.now();
  if (state === 'killed') {
    for (const pid of pids) kill(pid, SIG.KILL);
    // A tracer is told first, and has to take note before the parent can reap.
    for (const { threads, kernelThreads = [] } of tree.processes.values()) for (const { tid } of [...kernelThreads, ...[...threads].reverse()]) wait4(tid, WAIT.ALL);
  }
  if (state !== 'killed') {
    mendCalls(run);
    run.freezer?.refreeze();
  }
  run.tree = undefined;
  if (state === 'killed') run.freezer?.refreezeOthers();
  tree[Symbol.dispose]();
  // Until it could run on, or until it was killed: its end takes the kernel time that is nobody's loss.
  const frozenMs = (state === 'killed' ? killedAt : performance.now()) - run.frozenAt;
  run.stats.frozenTime = Math.round(frozenMs * 1000);
  run.emit({ type: 'tasks-thawed', frozenMs, state });
}

/** Who lives on must not feel that it was stopped. */
function mendCalls(run: DumpRun): void {
  for (const { threads } of run.tasks) {
    for (const thread of threads) {
      try {
        mendInterrupted(thread);
      } catch (error) {
        if (!(error instanceof TraceeDied || error instanceof ProcessGone)) throw error;
      }
    }
  }
}
