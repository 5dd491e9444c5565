import type { CriuError, ManyProblems } from '@criu-ts/core';

/**
 * Three lines a problem: what, why, what to do.
 * ```
 * criu-ts dump: cannot dump fd 7 of process 4127 (postgres): anon_inode:[io_uring] is not supported  [unsupported-file]
 *   why: the kernel offers no way to read back an io_uring's registered buffers
 *   do:  start postgres with io_method=worker        (the process was left running, untouched)
 * ```
 */
export function errorText(error: CriuError, program: string, command: string): string {
  const problems = problemsOf(error);
  const blocks = problems.map((problem, i) => {
    const last = i === problems.length - 1;
    const aftermath = last ? (error.aftermath ?? problem.aftermath) : undefined;
    return [
      `${program} ${command}: ${problem.message}  [${problem.code}]`,
      `  why: ${problem.why ?? causeText(problem) ?? 'not known'}`,
      `  do:  ${problem.hint ?? 'run it again with -v4 and look at the log'}${aftermath === undefined ? '' : `        (${aftermath})`}`,
      '',
    ].join('\n');
  });
  return blocks.join('');
}

/** The problems of which an error consists: often one, itself. Told by shape, for errors of another copy of core. */
export function problemsOf(error: CriuError): readonly CriuError[] {
  const { problems } = error as Partial<ManyProblems>;
  return Array.isArray(problems) && problems.length > 0 ? (problems as readonly CriuError[]) : [error];
}

function causeText(problem: CriuError): string | undefined {
  const { cause } = problem;
  if (!(cause instanceof Error)) return undefined;
  return cause.message === problem.what ? undefined : cause.message;
}

/** For --json. */
export function errorJson(error: CriuError): object {
  const { code, message, doing, object, task, why, hint, aftermath } = error;
  const problems = problemsOf(error);
  return {
    code,
    message,
    doing,
    object,
    task,
    why,
    hint,
    aftermath,
    ...(problems[0] !== error && { problems: problems.map(errorJson) }),
  };
}
