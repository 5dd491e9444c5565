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
