import type { CommonOptions } from './options.js';
import type { Emit } from './stage.js';

/**
 * Points of a dump or restore at which the caller may act: CRIU's action scripts (criu(8), --action-script). Those of
 * namespaces and of the network lock come only where a tree has a network namespace, or namespaces, of its own.
 */
export type Moment =
  | 'pre-dump'
  | 'network-lock'
  | 'post-dump'
  | 'pre-restore'
  | 'setup-namespaces'
  | 'post-setup-namespaces'
  | 'post-restore'
  | 'network-unlock'
  | 'pre-resume'
  | 'post-resume';

/** What is known at a moment. */
export interface MomentFacts {
  readonly imagesDir: string;
  /** The root process, as seen from our pid namespace; unknown before it is made. */
  readonly pid?: number;
}

/**
 * Called when a moment has come, and waited for. `'leave-running'`, returned at `post-dump`, has the processes run on
 * whatever was asked for; nothing else that is returned means anything. What it throws ends the dump or restore as any failure does: up to
 * `post-restore`, all is undone; `pre-resume` and `post-resume` come too late for that, there it becomes a warning.
 */
export type OnMoment = (moment: Moment, facts: MomentFacts) => unknown;

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
