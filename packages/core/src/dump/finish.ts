import type { DumpRun } from './run.js';

/** What nobody has to stand still for. */
export function finishPages(run: DumpRun): void {
  run.images.sync();
}
