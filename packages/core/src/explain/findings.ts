import type { CriuError, ManyProblems, TaskName } from '../errors.js';

/**
 * Something that stands in the way (`obstacle`), or that would get lost or be different though the work could be done
 * (`warning`). The fields are those of the error that `dump()` or `restore()` would reject with.
 */
export interface Finding {
  readonly severity: 'obstacle' | 'warning';
  /** As of the errors: `unsupported-file`, `host-pid-taken` …; of a warning: `warning`. Stays the same over releases. */
  readonly code: string;
  /** One line: object, process and what is wrong. */
  readonly message: string;
  /** What is wrong, without object and process. */
  readonly what: string;
  /** `fd 7 → /dev/kvm`, `core-4127.img` … */
  readonly object?: string;
  readonly task?: TaskName;
  readonly why?: string;
  /** What the user can do, as an order. */
  readonly hint?: string;
}

export function findingOf(error: CriuError): Finding {
  const { code, message, what, object, task, why, hint } = error;
  return {
    severity: 'obstacle',
    code,
    message,
    what,
    ...(object !== undefined && { object }),
    ...(task !== undefined && { task }),
    ...(why !== undefined && { why }),
    ...(hint !== undefined && { hint }),
  };
}

export function warningOf(text: string, task: TaskName | undefined): Finding {
  const message = task === undefined ? text : `process ${task.pid}${task.comm === undefined ? '' : ` (${task.comm})`}: ${text}`;
  return { severity: 'warning', code: 'warning', message, what: text, ...(task !== undefined && { task }) };
}

/** An error as what it consists of. */
export function problemsOf(error: CriuError): readonly CriuError[] {
  const { problems } = error as Partial<ManyProblems>;
  return problems === undefined ? [error] : problems;
}

/** Files that many processes have, and threads of one process, give the same line again and again. */
export function withoutRepetition(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.code} ${finding.message}`, finding])).values()];
}
