import { ImageSet, MemoryDirectory } from '@criu-ts/images';
import { O } from '@criu-ts/kernel/abi';
import { open } from '@criu-ts/kernel/sys';
import { inspectTasks, nameOf } from '../dump/inspect.js';
import { findObstacles } from '../dump/judge.js';
import { probeHost } from '../dump/probe.js';
import { DumpRun } from '../dump/run.js';
import { type CriuError, HostLacks, SyscallFailed, toCriuError } from '../errors.js';
import type { DumpOptions } from '../options.js';
import { Scope } from '../scope.js';
import { type Finding, findingOf, problemsOf, warningOf } from './findings.js';
import { freezeDelays, freezeObstacles, lookAtTree } from './running-tree.js';

/** What stands in the way of dumping a tree, and how many processes it has. */
export interface Look {
  readonly tasks: number;
  readonly findings: readonly Finding[];
}

/** A tree that runs changes while it is looked at: then the look is repeated. */
const ATTEMPTS = 20;
const PAUSE = 25;

/**
 * The stages `probe`, `inspect` and `judge` of a dump, over a tree that runs on: nothing is stopped, nothing written.
 * @throws CriuError where the process does not exist, or we may not look at it
 */
export async function dumpObstacles(options: DumpOptions): Promise<Look> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    const look = lookOnce(options);
    if (look !== undefined) return look;
    if (attempt === ATTEMPTS) throw new HostLacks('busy', 'its processes and files change too quickly to be looked at while it runs', { task: { pid: options.pid }, hint: 'try again, or stop it meanwhile (SIGSTOP)' });
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** undefined: something went away meanwhile. */
function lookOnce(options: DumpOptions): Look | undefined {
  using scope = new Scope();
  const warnings: Finding[] = [];
  const directory = scope.use(open('/', O.PATH | O.DIRECTORY));
  const run = new DumpRun(options, new ImageSet(new MemoryDirectory()), directory, scope, (event) => {
    if (event.type === 'warning') warnings.push(warningOf(event.text, event.task));
  });
  probeHost(run);
  try {
    const tree = lookAtTree(options.pid);
    run.tree = tree;
    run.running = true;
    for (const obstacle of freezeObstacles(tree)) run.refuse(obstacle);
    for (const { pid, text } of freezeDelays(tree)) run.emit({ type: 'warning', task: nameOf(pid), text });
    inspectTasks(run);
    findObstacles(run);
  } catch (error) {
    const problem = toCriuError(error);
    if (tellsOfChange(problem)) return undefined;
    throw problem;
  }
  const problems = run.problems.flatMap(problemsOf);
  if (problems.some(tellsOfChange)) return undefined;
  return { tasks: run.tasks.length, findings: [...problems.map((problem) => findingOf(problem.add({ doing: 'dump' }))), ...warnings] };
}

const GONE = new Set(['ENOENT', 'ESRCH', 'EBADF']);

/** A process, thread, descriptor or mapping that was there a moment ago. */
function tellsOfChange(problem: CriuError): boolean {
  return problem.code === 'tracee-died' || (problem instanceof SyscallFailed && GONE.has(problem.errno ?? ''));
}
