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

/** `leave-running`, at `post-dump`: the processes are to run on, whatever was asked for. */
export type Wish = 'leave-running' | undefined;

/**
 * Called when a moment has come, and waited for. What it throws ends the dump or restore as any failure does: up to
 * `post-restore`, all is undone; `pre-resume` and `post-resume` come too late for that, there it becomes a warning.
 */
export type OnMoment = (moment: Moment, facts: MomentFacts) => Wish | void | Promise<Wish | void>;

const TOO_LATE: ReadonlySet<Moment> = new Set(['pre-resume', 'post-resume']);

export async function reach(moment: Moment, pid: number | undefined, options: CommonOptions, emit: Emit): Promise<Wish> {
  if (options.onMoment === undefined) return undefined;
  emit({ type: 'note', text: `moment ${moment}`, detail: true });
  try {
    return (await options.onMoment(moment, { imagesDir: options.imagesDir, ...(pid !== undefined && { pid }) })) ?? undefined;
  } catch (error) {
    if (!TOO_LATE.has(moment)) throw error;
    emit({ type: 'warning', text: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}
