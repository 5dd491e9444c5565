import { ImageSet } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { HostLacks, toCriuError } from '../errors.js';
import type { RestoreOptions, RestoreResult } from '../options.js';
import { Scope } from '../scope.js';
import { emitter, runStages } from '../stage.js';
import { writeStatistics } from '../statistics.js';
import { restoreStages } from './stages.js';
import { RestoreRun } from './run.js';
import { waitForEnd } from './wait.js';

export { endProcess } from '../end-process.js';
export { execCommand } from './exec-command.js';

/**
 * Brings back what {@link dump} (or CRIU) saved: with the same PIDs, as our child. Whatever fails, no process is left.
 * @throws CriuError; `signal.reason` where it was aborted
 */
export async function restore(options: RestoreOptions): Promise<RestoreResult> {
  const start = performance.now();
  const emit = emitter(options, start);
  using scope = new Scope();
  try {
    const images = new ImageSet(scope.use(new NodeDirectory(options.imagesDir)));
    const run = new RestoreRun(options, images, scope, emit);
    await runStages(restoreStages, run, options, emit);
    run.files.removeLinks();
    run.stats.restoreTime = Math.round((performance.now() - start) * 1000);
    for (const { name, threads } of run.plan.tasks) emit({ type: 'task-restored', task: name, threads: threads.size });
    writeStatistics(options, run.stats, emit);
    emit({ type: 'statistics', stats: run.stats });
    await run.reach('post-resume');
    const pid = run.plan.tasks[0]?.pid as number;
    return { pid, tasks: run.plan.tasks.length, stats: run.stats, wait: () => (options.sibling === true ? Promise.reject(notOurChild(pid)) : waitForEnd(pid)) };
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason) throw error;
    throw toCriuError(error, { doing: 'restore' });
  }
}

function notOurChild(pid: number): HostLacks {
  return new HostLacks('sibling', 'only its parent can wait for it, and that is ours, not we', { task: { pid }, hint: 'restore it without `sibling`' });
}
