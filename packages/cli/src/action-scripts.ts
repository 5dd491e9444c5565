import type { Moment, MomentFacts, OnMoment } from '@criu-ts/core';
import { HostLacks } from '@criu-ts/core/errors';
import path from 'node:path';
import { LEVEL, type Log } from './render/log.js';

/**
 * `--action-script`: programs that are executed at certain moments (criu(8)), without arguments, with
 * CRTOOLS_SCRIPT_ACTION, CRTOOLS_IMAGE_DIR and, where it is known, CRTOOLS_INIT_PID in their environment.
 */
export class ActionScripts {
  readonly #files: readonly string[];
  readonly #log: Log;
  readonly #output: number;
  /** Exit code of a script at `post-dump`: it keeps the processes alive, and is the exit code of the dump. */
  postDumpCode = 0;

  /** @param output descriptor that their output goes to */
  constructor(files: readonly string[], log: Log, output: number) {
    this.#files = files;
    this.#log = log;
    this.#output = output;
  }

  /** All of them, in order, also after one has failed. @throws HostLacks */
  readonly run: OnMoment = async (moment, facts) => {
    const failed: string[] = [];
    for (const file of this.#files) {
      const code = await this.#execute(file, moment, facts);
      if (code === 0) continue;
      failed.push(`the action script ${file} for ${moment} ${code === undefined ? 'could not be executed' : `ended with ${code}`}`);
      if (moment === 'post-dump') this.postDumpCode = code ?? 1;
    }
    if (failed.length === 0) return undefined;
    if (moment === 'post-dump') {
      for (const text of failed) this.#log.line(LEVEL.warning, `${text}: the processes run on`);
      return 'leave-running';
    }
    throw new HostLacks('action-script', failed.join('; '), { hint: 'see what the script has printed' });
  };

  /** Its exit code, 128 more than the signal that ended it; undefined: there is no such program. */
  async #execute(file: string, moment: Moment, { imagesDir, pid }: MomentFacts): Promise<number | undefined> {
    // Only those who have scripts pay for it.
    const { spawnSync } = await import('node:child_process');
    const { constants } = await import('node:os');
    this.#log.line(LEVEL.debug, `action script ${file}: ${moment}`);
    const environment = { CRTOOLS_SCRIPT_ACTION: moment, CRTOOLS_IMAGE_DIR: imagesDir, ...(pid !== undefined && { CRTOOLS_INIT_PID: String(pid) }) };
    // Nothing else may happen meanwhile: a call that blocks is right.
    const { status, signal, error } = spawnSync(path.basename(file) === file ? file : path.resolve(file), [], { env: { ...process.env, ...environment }, stdio: ['ignore', this.#output, this.#output] });
    if (error !== undefined) {
      this.#log.line(LEVEL.error, error.message);
      return undefined;
    }
    return status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  }
}
