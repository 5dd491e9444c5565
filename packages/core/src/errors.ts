/** A process as people know it; `comm` is /proc/PID/comm. */
export interface TaskName {
  readonly pid: number;
  readonly comm?: string;
}

/** What a layer can add to an error on its way up. Every field is a part of a sentence, in lower case, without a full stop. */
export interface ErrorContext {
  /** `dump`, `restore fd 7`: completes "cannot …". */
  readonly doing?: string;
  /** The kernel object: `fd 7 → /dev/kvm`, `VMA 7f00-7f10 /dev/shm/x`, `core-4127.img`. */
  readonly object?: string;
  readonly task?: TaskName;
  /** Why it can't be done: the fact about the kernel, the host or the images that stands in the way. */
  readonly why?: string;
  /** The way out, as an order: `start postgres with io_method=worker`. */
  readonly hint?: string;
  /** What became of the user's processes: `the process was left running, untouched`. */
  readonly aftermath?: string;
  readonly cause?: unknown;
}

/**
 * The only kind of error `dump()` and `restore()` reject with, apart from `signal.reason`.
 * `code` is for programs and stays the same over releases; `message` is one line for people.
 */
export abstract class CriuError extends Error {
  readonly code: string;
  /** What is wrong, without object and process: `anon_inode:[io_uring] is not supported`. */
  readonly what: string;
  doing?: string;
  object?: string;
  task?: TaskName;
  why?: string;
  hint?: string;
  aftermath?: string;

  constructor(code: string, what: string, context: ErrorContext = {}) {
    super(what);
    this.code = code;
    this.what = what;
    this.name = new.target.name;
    this.add(context);
  }

  /** Adds what the caller knows and the thrower didn't; what is already there stays: the inner layer knows better. */
  add(context: ErrorContext): this {
    for (const key of ['doing', 'object', 'task', 'why', 'hint', 'aftermath', 'cause'] as const) {
      if (context[key] !== undefined) Object.assign(this, { [key]: this[key] ?? context[key] });
    }
    this.message = describe(this);
    return this;
  }
}

/** "cannot dump fd 7 of process 4127 (postgres): anon_inode:[io_uring] is not supported" */
function describe(error: CriuError): string {
  const { doing, object, task } = error;
  const process = task && `process ${task.pid}${task.comm === undefined ? '' : ` (${task.comm})`}`;
  const subject = [object, process].filter((part) => part !== undefined).join(' of ');
  const head = [doing === undefined ? undefined : `cannot ${doing}`, subject === '' ? undefined : subject]
    .filter((part) => part !== undefined)
    .join(' ');
  return head === '' ? error.what : `${head}: ${error.what}`;
}

/** State that we don't know how to keep. Nothing was written, nothing was touched. Codes: `unsupported-file`, `unsupported-vma` … */
export class Unsupported extends CriuError {
  /** @param kind the last part of the code: `file`, `vma`, `namespace`, `option`, `image` … */
  constructor(kind: string, what: string, context?: ErrorContext) {
    super(`unsupported-${kind}`, what, context);
  }
}

/** The host can't do what is needed: a kernel too old, a capability missing, a pid taken, a file changed. Codes: `host-pid-taken` … */
export class HostLacks extends CriuError {
  /** @param kind the last part of the code: `capability`, `kernel`, `pid-taken`, `cpu`, `file-changed` … */
  constructor(kind: string, what: string, context?: ErrorContext) {
    super(`host-${kind}`, what, context);
  }
}

/** The process went away while we worked on it, or was never there. */
export class TraceeDied extends CriuError {
  constructor(what = 'the process is gone', context?: ErrorContext) {
    super('tracee-died', what, context);
  }
}

/** An image is missing, truncated, or says what can't be. */
export class ImageCorrupt extends CriuError {
  constructor(what: string, context?: ErrorContext) {
    super('image-corrupt', what, context);
  }
}

/** A system call of ours, or one made by a puppet, failed. `what`: `openat(AT_FDCWD, "/x", O_RDONLY) = ENOENT`. */
export class SyscallFailed extends CriuError {
  /** Such as `ENOSPC`. */
  readonly errno: string | undefined;

  constructor(what: string, errno: string | undefined, context?: ErrorContext) {
    super('syscall-failed', what, context);
    this.errno = errno;
  }
}

/** Our mistake. */
export class Bug extends CriuError {
  constructor(what: string, context?: ErrorContext) {
    super('bug', what, { hint: 'please report it, with the log written at -v4', ...context });
  }
}

/** All that stands in the way, at once (`problems` has at least two). */
export class ManyProblems extends CriuError {
  readonly problems: readonly CriuError[];

  constructor(problems: readonly CriuError[], context: ErrorContext = {}) {
    const codes = new Set(problems.map((problem) => problem.code));
    super(codes.size === 1 ? [...codes].join() : 'many-problems', `${problems.length} problems`);
    this.problems = problems;
    this.add(context);
  }

  /** Each problem inherits what is being done. */
  override add(context: ErrorContext): this {
    // The base constructor calls this before `problems` is set.
    const problems = this.problems as readonly CriuError[] | undefined;
    if (context.doing !== undefined) for (const problem of problems ?? []) problem.add({ doing: context.doing });
    return super.add(context);
  }
}

/** Throws nothing for no problem, the problem itself for one, {@link ManyProblems} for more. */
export function throwProblems(problems: readonly CriuError[], context?: ErrorContext): void {
  const [first] = problems;
  if (first === undefined) return;
  throw problems.length === 1 ? first.add(context ?? {}) : new ManyProblems(problems, context);
}

/**
 * Whatever was thrown, as a CriuError with `context` added. Lower layers (kernel/sys, tracee, images) know nothing of
 * this file and throw their own classes; these are told by `name` (so a second copy of a bundle does no harm), and
 * become a class of ours, with the original as `cause`. What they know of task and object counts more than `context`. Anything else is a {@link Bug}.
 */
export function toCriuError(thrown: unknown, context: ErrorContext = {}): CriuError {
  if (thrown instanceof CriuError) return thrown.add(context);
  if (!(thrown instanceof Error)) return new Bug(`thrown: ${String(thrown)}`, { ...context, cause: thrown });
  const full = { ...context, ...facts(thrown), cause: thrown };
  switch (thrown.name) {
    case 'SyscallFailed':
    case 'NetlinkError':
      return new SyscallFailed(purposeOf(thrown) + thrown.message, errnoOf(thrown), { ...remedy(errnoOf(thrown)), ...full });
    case 'ImageCorrupt':
      return new ImageCorrupt(thrown.message, full);
    case 'TraceeDied':
      return new TraceeDied(thrown.message, full);
    case 'ProcessGone':
      return new TraceeDied(goneOf(thrown), full);
    case 'FreezeFailed':
      return new HostLacks('freeze', thrown.message, full);
    case 'ProcFormatError':
    case 'NetlinkFormatError':
      return new HostLacks('kernel', thrown.message, { why: 'this kernel says it in a way that we do not know', hint: 'please report it, with the version of the kernel', ...full });
    case 'Unsupported':
      return new Unsupported('state', thrown.message, full);
    case 'SuppressedError': {
      // To give back what was taken failed too; what matters is why it had to be given back.
      const { suppressed } = thrown as { suppressed?: unknown };
      const error = toCriuError(suppressed ?? new Error(thrown.message), context);
      error.cause = thrown;
      return error;
    }
  }
  // Errors of node:fs have the errno's name as `code` and the call's as `syscall`.
  if ('syscall' in thrown && errnoOf(thrown) !== undefined) {
    return new SyscallFailed(thrown.message, errnoOf(thrown), { ...remedy(errnoOf(thrown)), ...full });
  }
  return new Bug(thrown.message, full);
}

/** The name of the errno that an error carries as `errnoName`, `errno` or `code`. */
function errnoOf(error: Error): string | undefined {
  const { errnoName, errno, code } = error as { errnoName?: unknown; errno?: unknown; code?: unknown };
  for (const name of [errnoName, errno, code]) if (typeof name === 'string' && /^E[A-Z0-9]+$/.test(name)) return name;
  return undefined;
}

/** Context that a foreign error carries under our names. */
function facts(error: Error): ErrorContext {
  const { object, task, why, hint } = error as { [name in keyof ErrorContext]?: unknown };
  const named = taskOf(task);
  return {
    ...(typeof object === 'string' && { object }),
    ...(named !== undefined && { task: named }),
    ...(typeof why === 'string' && { why }),
    ...(typeof hint === 'string' && { hint }),
  };
}

/** What a call of a batch was for: `could not set the nice value 5: `. */
function purposeOf(error: Error): string {
  const { doing } = error as { doing?: unknown };
  return typeof doing === 'string' ? `could not ${doing}: ` : '';
}

function goneOf(error: Error): string {
  const { task } = error as { task?: unknown };
  const thread = typeof task === 'string' ? /\/task\/(\d+)$/.exec(task)?.[1] : undefined;
  return thread === undefined ? 'the process is gone' : `its thread ${thread} is gone`;
}

/** @param task as the layers know it: `{ pid }`, or the name of a directory below /proc: `12/task/13` */
function taskOf(task: unknown): TaskName | undefined {
  if (typeof task === 'object' && task !== null && 'pid' in task && typeof task.pid === 'number') return task as TaskName;
  const pid = typeof task === 'string' ? Number.parseInt(task, 10) : NaN;
  return Number.isNaN(pid) ? undefined : { pid };
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on the disk, or choose another directory for the images',
  EDQUOT: 'make room in the quota, or choose another directory for the images',
  EROFS: 'choose a directory on a writable filesystem',
  EACCES: 'check the permissions, or run as root',
  EPERM: 'run as root, or with CAP_CHECKPOINT_RESTORE and CAP_SYS_PTRACE',
};

function remedy(errno: string | undefined): ErrorContext {
  const hint = errno === undefined ? undefined : remedies[errno];
  return hint === undefined ? {} : { hint };
}
