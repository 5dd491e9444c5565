import { CLONE, kernel_sigaction, PR, SIG, SYS, W } from '@criu-ts/kernel/abi';
import { kill, wait4 } from '@criu-ts/kernel/sys';
import { BLOB, plantSeed, type Puppet } from '@criu-ts/tracee';
import { Bug, ImageCorrupt } from '../errors.js';
import type { GrowthStep, Shareable } from '../model/growth.js';
import { HostVdso } from '../resources/memory/vdso.js';
import { readTaskCore, TASK_STATE } from '../resources/task/index.js';
import { syscallObserver } from '../stage.js';
import { enterCgroup } from './cgroups.js';
import { keepOnly } from './fill-memory.js';
import { settleHeritage } from './heritage.js';
import { withId } from './pids.js';
import type { DeadImages, RestoreRun, TaskImages } from './run.js';
import { takeTerminal } from './terminals.js';

/** __WALL */
const WALL = 0x4000_0000;

/** By which flags of clone(2) a newborn shares. */
const SHARE: Readonly<Record<Shareable, number>> = { vmId: CLONE.VM, sighandId: CLONE.SIGHAND, filesId: CLONE.FILES, fsId: CLONE.FS };

/** The first puppet, of which all others are born. */
export function plantFirst(run: RestoreRun): void {
  run.pin();
  const observe = syscallObserver(run.options, run.emit);
  const root = run.plan.tasks[0];
  if (run.options.sibling === true && root !== undefined) {
    // A newborn of the seed would be a child of ours or of the seed's: the seed itself becomes the root.
    run.seed = withId(root.name, root.pid, () => plantSeed(run.plan.blob, observe, root.pid));
  } else {
    run.seed = plantSeed(run.plan.blob, observe);
    const { pid } = run.seed.tracee;
    run.scope.defer(() => {
      kill(pid, SIG.KILL);
      wait4(pid, WALL);
    });
  }
  emptySeed(run, run.seed);
}

/** Nothing of it is in the way of what the processes are to have, from their birth on. */
function emptySeed(run: RestoreRun, seed: Puppet): void {
  run.vdso = new HostVdso(seed.tracee);
  seed.batch((b) => {
    run.vdso.park(b, run.plan.blob + BLOB.size);
    keepOnly(b, run, []);
  });
}

/**
 * Makes the tree: every process is born to its parent with its pid, in the session that it belongs to, has of its parent's
 * memory what they share, and joins its group. Then those that had ended end again, and those that were stopped stop, while their parents are blank: what
 * these hear of it is forgotten.
 */
export async function growTree(run: RestoreRun): Promise<void> {
  if (run.seed === undefined) return;
  const begin = performance.now();
  const births = new Births(run, run.seed);
  for (const step of run.plan.growth) await births.take(step);
  const parents = [...births.parents, ...endDead(run, births), ...stopStopped(run)];
  forgetChildren(run, parents);
  run.stats.forkingTime = Math.round((performance.now() - begin) * 1000);
}

/** Makes processes as the plan says. */
class Births {
  /** Who has seen a child end; as often as it has. */
  readonly parents: number[] = [];
  readonly #run: RestoreRun;
  readonly #puppets: Map<number, Puppet>;
  readonly #tasks: ReadonlyMap<number, DeadImages>;
  readonly #living: ReadonlyMap<number, TaskImages>;
  /** Sets of cgroups; who isn't there is in ours. */
  readonly #cgroups = new Map<Puppet, number>();

  constructor(run: RestoreRun, seed: Puppet) {
    this.#run = run;
    this.#puppets = new Map([[0, seed]]);
    this.#living = new Map(run.plan.tasks.map((task) => [task.pid, task]));
    this.#tasks = new Map([...run.plan.tasks, ...run.plan.dead].map((task) => [task.pid, task]));
    // Nobody reaps a child whose parent ignores SIGCHLD, as we may.
    const action = new Uint8Array(kernel_sigaction.size);
    seed.batch((batch) => batch.doing('heed children').call(SYS.rt_sigaction, SIG.CHLD, batch.bytes(action), 0, 8));
  }

  puppet(pid: number): Puppet {
    const puppet = this.#puppets.get(pid);
    if (puppet === undefined) throw new Bug(`process ${pid} has not been made`);
    return puppet;
  }

  async take(step: GrowthStep): Promise<void> {
    switch (step.kind) {
      case 'bear': {
        const parent = step.sibling || step.by === 0 ? CLONE.PARENT : 0;
        const flags = step.shares.reduce((all, shared) => all | SHARE[shared], parent);
        await this.#bear(this.puppet(step.by), step.pid, flags);
        return;
      }
      case 'adopt':
        await this.#adopt(step);
        return;
      case 'stand-in':
        await this.#bear(this.puppet(step.by), step.pid, 0);
        return;
      case 'session':
        this.puppet(step.pid).call(SYS.setsid);
        if (this.#living.has(step.pid)) takeTerminal(this.#run, step.pid, this.puppet(step.pid));
        return;
      case 'group':
        this.puppet(step.pid).call(SYS.setpgid, 0, step.pgid);
        return;
      case 'end':
        this.#end(this.puppet(step.pid), step.by);
    }
  }

  async #bear(by: Puppet, pid: number, flags: number): Promise<void> {
    const run = this.#run;
    const task = this.#tasks.get(pid);
    const own = flags & CLONE.PARENT ? 0 : (task?.core.tc?.exitSignal ?? SIG.CHLD);
    // As a sibling of ours the root is there already: planted, not born.
    const puppet = by.tracee.pid === pid ? by : withId(task?.name ?? { pid }, pid, () => by.clone({ flags, exitSignal: own, setTid: [pid] }));
    this.#puppets.set(pid, puppet);
    this.#placeAsBearer(puppet, by);
    run.born.add(pid);
    run.scope.defer(() => {
      if (!run.alive && run.born.has(pid)) end(run, pid);
    });
    const living = this.#living.get(pid);
    if (living === undefined) return;
    const process = { pid, name: living.name, puppet, core: living.core, mm: living.mm, threadCores: living.threads };
    run.tasks.set(pid, process);
    run.threads.set(pid, { task: process, tid: pid, puppet, core: living.core });
    const set = enterCgroup(run, living, puppet, this.#cgroups.get(puppet));
    if (set === undefined) this.#cgroups.delete(puppet);
    else this.#cgroups.set(puppet, set);
    if ((flags & CLONE.VM) === 0) await settleHeritage(run, living, puppet);
  }

  #placeAsBearer(puppet: Puppet, by: Puppet): void {
    const set = this.#cgroups.get(by);
    if (set !== undefined) this.#cgroups.set(puppet, set);
  }

  /** Born to somebody who ends at once, it comes to the subreaper next above (prctl(2), PR_SET_CHILD_SUBREAPER). */
  async #adopt({ pid, by, parent }: Extract<GrowthStep, { kind: 'adopt' }>): Promise<void> {
    const subreaper = this.puppet(parent);
    const between = this.#unnamed(this.puppet(by));
    this.#placeAsBearer(between, this.puppet(by));
    await this.#bear(between, pid, 0);
    subreaper.call(SYS.prctl, PR.SET_CHILD_SUBREAPER, 1);
    this.#end(between, by);
    subreaper.call(SYS.prctl, PR.SET_CHILD_SUBREAPER, 0);
  }

  /** A process with any pid that nobody needs. */
  #unnamed(by: Puppet): Puppet {
    for (;;) {
      const puppet = by.clone({ flags: 0, exitSignal: SIG.CHLD, setTid: [] });
      const { pid } = puppet.tracee;
      const threads = this.#run.plan.tasks.some((task) => task.threads.has(pid));
      const needed = threads || this.#run.plan.growth.some((step) => step.pid === pid);
      if (!needed) {
        this.#run.born.add(pid);
        this.#run.scope.defer(() => {
          if (!this.#run.alive && this.#run.born.has(pid)) end(this.#run, pid);
        });
        return puppet;
      }
      this.#end(puppet, by.tracee.pid);
    }
  }

  #end(puppet: Puppet, by: number): void {
    const { pid } = puppet.tracee;
    end(this.#run, pid);
    this.#run.born.delete(pid);
    this.puppet(by).batch((batch) => batch.doing('see a stand-in off').expect(pid, SYS.wait4, pid, 0, WALL, 0));
    this.parents.push(by);
  }
}

/** Those that had ended do so again; their parents. */
function endDead(run: RestoreRun, births: Births): number[] {
  for (const { pid, core } of run.plan.dead) {
    const puppet = births.puppet(pid);
    const { comm, deadUid = 0, deadGid = 0, exitCode } = readTaskCore(core);
    puppet.batch((batch) => {
      batch.doing('become a zombie').call(SYS.prctl, PR.SET_NAME, batch.string(comm));
      if (deadGid !== 0) batch.call(SYS.setresgid, deadGid, deadGid, deadGid);
      if (deadUid !== 0) batch.call(SYS.setresuid, deadUid, deadUid, deadUid);
    });
    puppet.die(exitCode);
  }
  return run.plan.dead.map(({ tree }) => tree.ppid);
}

/** Those that were stopped are so again; their parents, of whom some have taken note of it. */
function stopStopped(run: RestoreRun): number[] {
  const stopped = run.plan.tasks.filter(({ core }) => core.tc?.taskState === TASK_STATE.STOPPED);
  for (const { pid, name, tree, core } of stopped) {
    const { puppet } = run.task(pid);
    const { stopSigno = SIG.STOP, stopWaited = false } = readTaskCore(core);
    if (!STOP_SIGNALS.has(stopSigno)) throw new ImageCorrupt(`it was stopped by signal ${stopSigno}, which stops nobody`, { task: name });
    // An orphaned group is stopped by nothing else (kernel/signal.c, get_signal).
    if (!puppet.stop(stopSigno) && !puppet.stop(SIG.STOP)) throw new Bug('it does not stop', { task: name });
    if (stopWaited && tree.ppid !== 0) run.task(tree.ppid).puppet.attempt(SYS.wait4, pid, 0, W.UNTRACED | W.NOHANG | WALL, 0);
  }
  return stopped.map(({ tree }) => tree.ppid).filter((ppid) => ppid !== 0);
}

const STOP_SIGNALS: ReadonlySet<number> = new Set([SIG.STOP, SIG.TSTP, SIG.TTIN, SIG.TTOU]);

/** Takes the signals back that ends and stops of children have sent. @param parents one for each signal */
function forgetChildren(run: RestoreRun, parents: readonly number[]): void {
  const counts = new Map<number, number>();
  for (const pid of parents) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  const nothing = new Uint8Array(16);
  const all = new Uint8Array(8).fill(0xff);
  for (const [pid, count] of counts) {
    // Stand-ins are gone by now.
    run.tasks.get(pid)?.puppet.batch((batch) => {
      for (let i = 0; i < count; i++) {
        batch.room(1, 64);
        batch.attempt(SYS.rt_sigtimedwait, batch.bytes(all), 0, batch.bytes(nothing), 8);
      }
    });
  }
}

/** Kills a process that did not come to be, and sees it off: its other threads first, each is a tracee of ours. */
function end(run: RestoreRun, pid: number): void {
  kill(pid, SIG.KILL);
  for (const [tid, { task }] of run.threads) if (task.pid === pid && tid !== pid) wait4(tid, WALL);
  wait4(pid, WALL);
}
