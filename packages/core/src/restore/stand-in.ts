import { CLONE, ERRNO, SIG, WAIT } from '@criu-ts/kernel/abi';
import { kill, SyscallFailed, wait4 } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import type { Scope } from '../scope.js';

/** What of a restore it has to do with. */
export interface StandInContext {
  readonly seed: Puppet | undefined;
  readonly scope: Scope;
  readonly options: { readonly sibling?: boolean };
  readonly plan: { readonly tasks: readonly { readonly threads: ReadonlyMap<number, unknown> }[] };
  readonly files: { readonly context: { whenInstalled(action: () => void): void } };
  shared<T>(key: string, make: () => T): T;
}

/**
 * A process with the pid of one that had ended, for calls by which others remember it. It is a child of the first puppet's
 * parent, none of the tree, and ends when all files are installed.
 * @returns undefined: the pid is taken, or will be, or there is nobody to bear it
 */
export function standIn(run: StandInContext, pid: number): Puppet | undefined {
  return run.shared(`stand-in for process ${pid}`, () => {
    const { seed } = run;
    const needed = run.plan.tasks.some(({ threads }) => threads.has(pid));
    // As a sibling the first puppet is the root itself.
    if (pid <= 1 || seed === undefined || run.options.sibling === true || needed) return undefined;
    const puppet = bear(seed, pid);
    if (puppet === undefined) return undefined;
    let lives = true;
    const end = (): void => {
      if (!lives) return;
      lives = false;
      kill(pid, SIG.KILL);
      wait4(pid, WAIT.ALL);
    };
    run.scope.defer(end);
    run.files.context.whenInstalled(end);
    return puppet;
  });
}

function bear(seed: Puppet, pid: number): Puppet | undefined {
  try {
    return seed.clone({ flags: CLONE.PARENT, exitSignal: 0, setTid: [pid] });
  } catch (error) {
    if (error instanceof SyscallFailed && TAKEN.has(error.errno)) return undefined;
    throw error;
  }
}

/** Somebody has it; or it is larger than this host's pids. */
const TAKEN: ReadonlySet<number> = new Set([ERRNO.EEXIST, ERRNO.EINVAL]);
