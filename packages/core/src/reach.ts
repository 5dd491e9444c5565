import type { Moment } from './moments.js';
import type { CommonOptions } from './options.js';
import type { Emit } from './stage.js';

const TOO_LATE: ReadonlySet<Moment> = new Set(['pre-resume', 'post-resume']);

/** @returns what the caller's function returned */
export async function reach(moment: Moment, pid: number | undefined, options: CommonOptions, emit: Emit): Promise<unknown> {
  if (options.onMoment === undefined) return undefined;
  emit({ type: 'note', text: `moment ${moment}`, detail: true });
  try {
    return await options.onMoment(moment, { imagesDir: options.imagesDir, ...(pid !== undefined && { pid }) });
  } catch (error) {
    if (!TOO_LATE.has(moment)) throw error;
    emit({ type: 'warning', text: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}
