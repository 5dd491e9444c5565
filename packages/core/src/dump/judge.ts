import { throwProblems, Unsupported } from '../errors.js';
import { foreignNamespaces } from '../resources/identity.js';
import { judgeFacets } from '../resources/task/index.js';
import { nameOf } from './inspect.js';
import { judgeSharing } from './judge-sharing.js';
import type { DumpRun } from './run.js';

/** Tells all that can't be dumped, at once. */
export function judgeTasks(run: DumpRun): void {
  findObstacles(run);
  throwObstacles(run);
}

/** The judgement itself, which `explain` shares: everything that stands in the way goes to `run.refuse`. */
export function findObstacles(run: DumpRun): void {
  judgeTree(run);
  for (const problem of judgeSharing(run.tasks)) run.refuse(problem);
  run.files.judge();
}

/** @throws what was refused so far, all of it */
export function throwObstacles(run: DumpRun): void {
  throwProblems(run.problems, { doing: 'dump', aftermath: 'the processes were left running, untouched' });
}

function judgeTree(run: DumpRun): void {
  const inTree = new Set(run.tree?.processes.keys());
  for (const { pid, zombie } of run.tree?.processes.values() ?? []) {
    if (zombie) run.refuse(new Unsupported('task', 'zombies are not supported yet', { task: nameOf(pid), hint: 'have its parent wait for it' }));
  }
  for (const task of run.tasks) {
    const { name, stat } = task;
    judgeFacets(task, run);
    for (const problem of foreignNamespaces(name)) run.refuse(problem);
    if (task.process.stopSignal !== undefined) run.refuse(new Unsupported('task', 'stopped processes are not supported yet', { task: name, hint: 'continue it (SIGCONT) first' }));
    for (const { tid, registers } of task.threads) {
      if (registers.get('cs') !== 0x33n) run.refuse(new Unsupported('task', '32-bit threads are not supported yet', { object: `thread ${tid}`, task: name, hint: 'run its 64-bit version' }));
    }
    if (inTree.has(stat.session) || run.options.shellJob === true) continue;
    run.refuse(
      new Unsupported('session', `its session leader ${stat.session} is outside of the tree`, {
        object: `session ${stat.session}`,
        task: name,
        hint: 'start it in a session of its own (setsid), dump from the session leader, or use --shell-job',
      }),
    );
  }
}
