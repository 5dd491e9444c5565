import { CLONE, SIG, SYS } from '@criu-ts/kernel/abi';
import { kill, SyscallFailed, wait4 } from '@criu-ts/kernel/sys';
import { plantSeed, type Puppet } from '@criu-ts/tracee';
import type { TaskName } from '../errors.js';
import { syscallObserver } from '../stage.js';
import { holderOf, pidTaken, pidTooHigh } from './pids.js';
import type { RestoreRun, TaskImages } from './run.js';

const EEXIST = 17;
const EINVAL = 22;
/** __WALL */
const WALL = 0x4000_0000;

/** The first puppet, of which all others are born. */
export function plantFirst(run: RestoreRun): void {
  run.pin();
  const observe = syscallObserver(run.options, run.emit);
  const root = run.plan.tasks[0];
  if (run.options.sibling === true && root !== undefined) {
    // A newborn of a seed would be a child of ours or of the seed: the seed itself becomes the root.
    run.seed = withPid(root.name, () => plantSeed(run.plan.blob, observe, root.pid));
    return;
  }
  run.seed = plantSeed(run.plan.blob, observe);
  const { pid } = run.seed.tracee;
  run.scope.defer(() => {
    kill(pid, SIG.KILL);
    wait4(pid, WALL);
  });
}

/**
 * Makes the tree: every process is born to its parent with its pid, in the session that it belongs to. Who was born
 * before its parent opened a session of its own stays in the older one.
 */
export function growTree(run: RestoreRun): void {
  const begin = performance.now();
  const children = new Map<number, TaskImages[]>();
  for (const task of run.plan.tasks) {
    const siblings = children.get(task.tree.ppid) ?? [];
    children.set(task.tree.ppid, siblings);
    siblings.push(task);
  }
  const grow = (task: TaskImages, parent: Puppet, root: boolean): void => {
    const puppet = bear(run, task, parent, root);
    const own = children.get(task.pid) ?? [];
    const leads = task.tree.sid === task.pid;
    for (const child of own) if (leads && child.tree.sid !== task.pid && child.tree.sid !== child.pid) grow(child, puppet, false);
    if (leads) puppet.call(SYS.setsid);
    for (const child of own) if (!run.tasks.has(child.pid)) grow(child, puppet, false);
  };
  const { seed } = run;
  const root = run.plan.tasks[0];
  if (seed === undefined || root === undefined) return;
  grow(root, seed, true);
  joinGroups(run);
  run.stats.forkingTime = Math.round((performance.now() - begin) * 1000);
}

/** Kills a process that did not come to be, and sees it off: its other threads first, each is a tracee of ours. */
function end(run: RestoreRun, pid: number): void {
  kill(pid, SIG.KILL);
  for (const [tid, { task }] of run.threads) if (task.pid === pid && tid !== pid) wait4(tid, WALL);
  wait4(pid, WALL);
}

/** @param root born to the seed, it is to be our own child */
function bear(run: RestoreRun, task: TaskImages, parent: Puppet, root: boolean): Puppet {
  const isSeed = root && run.options.sibling === true;
  const puppet = isSeed ? parent : withPid(task.name, () => parent.clone({ flags: root ? CLONE.PARENT : 0, exitSignal: root ? 0 : SIG.CHLD, setTid: [task.pid] }));
  const { pid } = puppet.tracee;
  run.scope.defer(() => {
    if (!run.alive) end(run, pid);
  });
  const process = { pid: task.pid, name: task.name, puppet, core: task.core, mm: task.mm };
  run.tasks.set(task.pid, process);
  run.threads.set(task.pid, { task: process, tid: task.pid, puppet, core: task.core });
  return puppet;
}

/** Makes a process whose PID may be taken for a moment still. @throws HostLacks */
function withPid(name: TaskName, make: () => Puppet): Puppet {
  for (const deadline = performance.now() + REAPING_TIME; ; Atomics.wait(never, 0, 0, 1)) {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SyscallFailed)) throw error;
      if (error.errno === EINVAL) throw pidTooHigh(name).add({ cause: error });
      if (error.errno !== EEXIST) throw error;
      const holder = holderOf(name.pid);
      if (holder === undefined && performance.now() < deadline) continue;
      throw pidTaken(name, holder ?? 'nobody any more').add({ cause: error });
    }
  }
}

/** Milliseconds. */
const REAPING_TIME = 3000;
/** Nobody ever wakes it: a sleep. */
const never = new Int32Array(new SharedArrayBuffer(4));

/** Group leaders first: a group is there when its leader is. */
function joinGroups(run: RestoreRun): void {
  const pids = new Set(run.plan.tasks.map(({ pid }) => pid));
  const leaders = run.plan.tasks.filter(({ pid, tree }) => tree.pgid === pid && tree.sid !== pid);
  const members = run.plan.tasks.filter(({ pid, tree }) => tree.pgid !== pid && pids.has(tree.pgid));
  for (const { pid, tree } of [...leaders, ...members]) run.task(pid).puppet.call(SYS.setpgid, 0, tree.pgid);
}
