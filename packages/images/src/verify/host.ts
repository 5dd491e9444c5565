import type { Finding, RuleName } from './finding.js';

/** What stands in the way of restoring a checkpoint on this host, as `explain()` of `@criu-ts/core` tells it. */
export interface HostProblem {
  /** obstacle: it can't be restored; warning: something would be lost or different */
  readonly severity: 'obstacle' | 'warning';
  /** "host-pid-taken", "unsupported-file" … */
  readonly code: string;
  readonly message: string;
  readonly why?: string;
  readonly hint?: string;
  readonly task?: { readonly pid: number };
}

/**
 * Asks this host whether it can restore the images in a directory; changes nothing. Images know nothing of hosts:
 * whoever does hands one in.
 */
export type HostJudge = (directory: string) => Promise<readonly HostProblem[]>;

const RULE_OF_CODE: Readonly<Record<string, RuleName>> = {
  'image-corrupt': 'damaged-image',
  'host-pid-taken': 'host-pid',
  'host-pid-max': 'host-pid',
  'host-file-missing': 'host-file',
  'host-file-changed': 'host-file',
  'host-file-locked': 'host-file',
  'host-external-file': 'host-file',
  'host-inotify-watch': 'host-file',
  'host-cpu': 'host-cpu',
  'host-kernel': 'host-kernel',
  'host-vdso': 'host-kernel',
  'host-address-space': 'host-kernel',
  'host-seccomp': 'host-kernel',
  'host-capability': 'host-capability',
  'host-port-taken': 'host-taken',
  'host-name-taken': 'host-taken',
  'host-pty-taken': 'host-taken',
  'host-shm-taken': 'host-taken',
  'host-shm-attached': 'host-taken',
};

/** What the host says as findings beside the others. */
export function hostFindings(problems: readonly HostProblem[]): Finding[] {
  return problems.map(({ severity, code, message, why, hint, task }) => ({
    rule: severity === 'warning' ? 'host-difference' : (RULE_OF_CODE[code] ?? (code.startsWith('unsupported-') ? 'host-unsupported' : 'host-other')),
    message,
    ...(task && { pid: task.pid }),
    ...(why !== undefined && { why }),
    ...(hint !== undefined && { hint }),
  }));
}
