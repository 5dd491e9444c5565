import { toCriuError } from '../errors.js';
import type { DumpOptions, RestoreOptions } from '../options.js';
import { dumpObstacles } from './dump-obstacles.js';
import { type Finding, withoutRepetition } from './findings.js';
import { restoreObstacles } from './restore-obstacles.js';

export type { Finding } from './findings.js';

/** Of a tree that runs, with the options that the dump will have. */
export type ExplainDumpOptions = Omit<DumpOptions, 'imagesDir'> & { readonly imagesDir?: undefined };

/** Of images, with the options that the restore will have. */
export type ExplainRestoreOptions = RestoreOptions & { readonly pid?: undefined };

export interface Explanation {
  /** Whether it can be done: no finding is an obstacle. */
  readonly possible: boolean;
  /** Processes of the tree or of the images; threads and zombies are not counted. */
  readonly tasks: number;
  readonly findings: readonly Finding[];
}

/**
 * Tells what would keep `dump({ pid })` or `restore({ imagesDir })` from working here and now, by the judgement that
 * these make themselves. Nothing is stopped, changed or written; a process that runs may change right afterwards.
 * @throws CriuError where nothing can be told: no such process, no images, no permission
 */
export async function explain(options: ExplainDumpOptions | ExplainRestoreOptions): Promise<Explanation> {
  try {
    const { tasks, findings } = options.imagesDir === undefined ? await dumpObstacles({ ...options, imagesDir: '/' }) : await restoreObstacles(options);
    return { possible: findings.every(({ severity }) => severity !== 'obstacle'), tasks, findings: withoutRepetition(findings) };
  } catch (error) {
    if (options.signal?.aborted === true && error === options.signal.reason) throw error;
    throw toCriuError(error, { doing: 'explain', ...(options.pid !== undefined && { task: { pid: options.pid } }) });
  }
}
