import { kill } from '@criu-ts/kernel/sys';
import { throwProblems, Unsupported } from '../errors.js';
import { planGrowth } from '../model/growth.js';
import { judgeFacets } from '../resources/task/index.js';
import { judgeAioRings } from './aio.js';
import { judgeSharing } from './judge-sharing.js';
import { judgeNamespaces } from './namespaces.js';
import type { DumpRun } from './run.js';
import { treeOf } from './tree.js';

/** Tells all that can't be dumped, at once. */
export function judgeTasks(run: DumpRun): void {
  findObstacles(run);
  throwObstacles(run);
}

/** The judgement itself, which `explain` shares: everything that stands in the way goes to `run.refuse`. */
export function findObstacles(run: DumpRun): void {
  judgeTree(run);
  for (const problem of judgeSharing(run.tasks)) run.refuse(problem);
  judgeNamespaces(run);
  judgeAioRings(run);
  run.files.judge();
}

/** @throws what was refused so far, all of it */
export function throwObstacles(run: DumpRun): void {
  throwProblems(run.problems, { doing: 'dump', aftermath: 'the processes were left running, untouched' });
}

function judgeTree(run: DumpRun): void {
  judgeGrowth(run);
  judgeSessions(run);
  for (const task of run.tasks) {
    const { name } = task;
    judgeFacets(task, run);
    for (const problem of run.namespaces.problemsOf(task, task.id === run.options.pid)) run.refuse(problem);
    for (const { tid, registers } of task.threads) {
      if (registers.get('cs') !== 0x33n) run.refuse(new Unsupported('task', '32-bit threads are not supported yet', { object: `thread ${tid}`, task: name, hint: 'run its 64-bit version' }));
    }
  }
}

/** Can a restore make such a tree? */
function judgeGrowth(run: DumpRun): void {
  const names = new Map([...run.tasks, ...run.dead].map(({ name }) => [name.pid, name]));
  for (const { pid, object, what } of planGrowth(treeOf(run)).problems) {
    const task = names.get(pid);
    run.refuse(new Unsupported('task', `it can't be put into the tree again: ${what}`, { object, ...(task && { task }), hint: 'dump it when the relatives that made it so have ended' }));
  }
}

/** A leader that is gone is stood in for when the tree is restored; one that lives elsewhere can't be. */
function judgeSessions(run: DumpRun): void {
  if (run.options.shellJob === true) return;
  const inTree = new Set(run.tree?.processes.keys());
  for (const { name, stat } of [...run.tasks, ...run.dead]) {
    const { session } = stat;
    if (inTree.has(session) || (name.pid !== run.options.pid && session !== 0 && kill(session, 0) < 0)) continue;
    run.refuse(
      new Unsupported('session', `its session leader ${session} is outside of the tree`, {
        object: `session ${session}`,
        task: name,
        hint: 'start it in a session of its own (setsid), dump from the session leader, or use --shell-job',
      }),
    );
  }
}
