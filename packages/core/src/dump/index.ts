import { ImageSet } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { O } from '@criu-ts/kernel/abi';
import { open } from '@criu-ts/kernel/sys';
import { toCriuError } from '../errors.js';
import type { DumpOptions, DumpResult } from '../options.js';
import { Scope } from '../scope.js';
import { emitter, runStages } from '../stage.js';
import { writeStatistics } from '../statistics.js';
import { DumpRun } from './run.js';
import { dumpStages } from './stages.js';

export { endProcess } from '../end-process.js';

/**
 * Saves a process and its descendants into `imagesDir`. Whatever fails, they run on as they were.
 * @throws CriuError; `signal.reason` where it was aborted
 */
export async function dump(options: DumpOptions): Promise<DumpResult> {
  const emit = emitter(options, performance.now());
  using scope = new Scope();
  try {
    const directory = scope.use(open(options.imagesDir, O.RDONLY | O.DIRECTORY));
    const files = scope.use(new NodeDirectory(options.imagesDir, 'replace'));
    const run = new DumpRun(options, new ImageSet(files), directory, scope, emit);
    run.undoOnFailure(() => files.discard());
    await runStages(dumpStages, run, options, emit);
    writeStatistics(options, run.stats, emit);
    emit({ type: 'statistics', stats: run.stats });
    return { pid: options.pid, tasks: run.tasks.length, stats: run.stats };
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason) throw error;
    throw toCriuError(error, { doing: 'dump', task: { pid: options.pid } });
  }
}
