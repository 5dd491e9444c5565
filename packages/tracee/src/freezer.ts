import { PTRACE, PTRACE_O } from '@criu-ts/kernel/abi';
import { childrenByParent, listProcNumbers, readChildren, readProcText, threadOf, ProcessGone } from '@criu-ts/kernel/procfs';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import { FreezeFailed, TraceeDied } from './errors.js';
import { Tracee } from './tracee.js';

/** Newborns of a task that we seized are ours from their first instruction: a tree that forks all the while can't get away. */
const BIRTHS = PTRACE_O.TRACEFORK | PTRACE_O.TRACEVFORK | PTRACE_O.TRACECLONE;
const OPTIONS = PTRACE_O.TRACESYSGOOD | BIRTHS;
const EPERM = 1;
const EINVAL = 22;

/** A process whose threads all stand still, or a zombie (no threads). */
export interface FrozenProcess {
  readonly pid: number;
  /** The main thread first. */
  readonly threads: readonly Tracee[];
  readonly zombie: boolean;
  /** The signal of the group-stop that it was in before we came (SIGSTOP, SIGTSTP, …). */
  readonly stopSignal: number | undefined;
}

export interface FreezeOptions {
  /** Milliseconds; Infinity for none. */
  readonly timeout: number;
  onFrozen?(process: FrozenProcess): void;
}

/**
 * Stops a whole process tree by ptrace and keeps it so until it is disposed of: then every thread goes on as it was,
 * also in its group-stop. No signal is used; if we die the kernel lets all of them go.
 */
export class FrozenTree implements Disposable {
  readonly root: number;
  /** By pid, parents before their children. */
  readonly processes = new Map<number, FrozenProcess>();
  readonly #threads = new Map<number, Tracee>();
  readonly #stopSignals = new Map<number, number>();
  /** Born to a tracee, before we know whose thread it is. */
  readonly #newborn = new Set<number>();
  readonly #deadline: number;
  readonly #onFrozen: ((process: FrozenProcess) => void) | undefined;

  private constructor(root: number, options: FreezeOptions) {
    this.root = root;
    this.#deadline = performance.now() + options.timeout;
    this.#onFrozen = options.onFrozen;
  }

  /**
   * @throws FreezeFailed where a task can't be stopped (traced by others, in an uninterruptible sleep)
   * @throws TraceeDied, ProcessGone where the root went away
   */
  static freeze(root: number, options: FreezeOptions): FrozenTree {
    const tree = new FrozenTree(root, options);
    try {
      tree.#freezeAll();
      return tree;
    } catch (error) {
      tree[Symbol.dispose]();
      throw error;
    }
  }

  get threadCount(): number {
    return this.#threads.size;
  }

  /** Lets every thread go. Tasks that died meanwhile are nothing to worry about. */
  [Symbol.dispose](): void {
    for (const thread of this.#threads.values()) {
      try {
        thread.detach();
      } catch (error) {
        if (!(error instanceof TraceeDied)) throw error;
      }
    }
    this.#threads.clear();
  }

  /** Until a look at the whole tree finds nobody new: an orphan may have come to a subreaper that we saw before. */
  #freezeAll(): void {
    this.#freezeProcess(this.root);
    for (let before = -1; before !== this.processes.size; ) {
      before = this.processes.size;
      const scan = new ChildScan();
      // The map grows while it is walked, so grandchildren come in the same pass.
      for (const process of this.processes.values()) {
        for (const child of scan.childrenOf(process)) if (!this.processes.has(child)) this.#freezeProcess(child);
      }
    }
  }

  #freezeProcess(pid: number): void {
    if (isZombie(pid)) {
      this.processes.set(pid, { pid, threads: [], zombie: true, stopSignal: undefined });
      return;
    }
    const threads = new Map<number, Tracee>();
    try {
      for (let before = -1; before !== threads.size; ) {
        before = threads.size;
        const fresh = listProcNumbers(pid, 'task').filter((tid) => !threads.has(tid));
        for (const tid of fresh) {
          const tracee = this.#seize(pid, tid);
          if (tracee !== undefined) threads.set(tid, tracee);
        }
        for (const tid of fresh) {
          const tracee = threads.get(tid);
          if (tracee !== undefined && !this.#awaitStop(tracee)) threads.delete(tid);
        }
      }
    } catch (error) {
      // A child that ended while we looked is no part of the tree any more; its parent may still have to wait for it.
      if (pid === this.root || !(error instanceof ProcessGone || error instanceof TraceeDied)) throw error;
    }
    if (threads.size === 0) {
      if (pid === this.root) throw new TraceeDied(pid, 'the process ended while it was being stopped');
      if (isZombie(pid)) this.processes.set(pid, { pid, threads: [], zombie: true, stopSignal: undefined });
      return;
    }
    const ordered = [...threads.values()].sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
    const process: FrozenProcess = { pid, threads: ordered, zombie: false, stopSignal: ordered.map(({ tid }) => this.#stopSignals.get(tid)).find((s) => s !== undefined) };
    this.processes.set(pid, process);
    this.#onFrozen?.(process);
  }

  /** undefined: the thread ended meanwhile. */
  #seize(pid: number, tid: number): Tracee | undefined {
    try {
      let tracee: Tracee;
      if (this.#newborn.delete(tid)) tracee = Tracee.born(pid, tid);
      else {
        tracee = seizeWithSeccompSuspended(pid, tid);
        tracee.interrupt();
      }
      this.#threads.set(tid, tracee);
      return tracee;
    } catch (error) {
      if (error instanceof TraceeDied) return undefined;
      if (error instanceof SyscallFailed && error.errno === EPERM) {
        // A thread on its way out can't be seized either: only one that stays is a problem.
        const tracer = tracerOf(pid, tid);
        if (tracer === undefined) return undefined;
        throw new FreezeFailed(pid, tracer === 0 ? 'we may not trace it' : `it is traced by process ${tracer} already`, tracer === 0 ? 'run as root, or with CAP_SYS_PTRACE' : 'end the debugger, strace or other tracer');
      }
      throw error;
    }
  }

  /** False: the thread ended instead. */
  #awaitStop(tracee: Tracee): boolean {
    try {
      for (;;) {
        const stop = tracee.waitUntil(this.#deadline);
        if (stop === undefined) throw new FreezeFailed(tracee.pid, `thread ${tracee.tid} can't be stopped: ${stateOf(tracee)}`, 'try again later, or give more time with --timeout');
        switch (stop.kind) {
          case 'trap':
            return true;
          case 'group-stop':
            this.#stopSignals.set(tracee.tid, stop.signal);
            return true;
          case 'event':
            // Our interrupt is still due; the newborn is met when its process is listed.
            this.#newborn.add(tracee.eventMessage());
            tracee.resume(PTRACE.CONT);
            break;
          case 'signal':
            // It was about to get a signal when we came: it gets it, then stops for us.
            tracee.resume(PTRACE.CONT, stop.signal);
            break;
          case 'syscall':
            tracee.unexpected(stop, 'the first stop');
        }
      }
    } catch (error) {
      if (!(error instanceof TraceeDied)) throw error;
      this.#threads.delete(tracee.tid);
      return false;
    }
  }
}

/** Children of processes, at one time: by /proc/PID/task/TID/children, or, where the kernel lacks it, by a look at all processes. */
class ChildScan {
  #byParent: ReadonlyMap<number, readonly number[]> | undefined;

  childrenOf(process: FrozenProcess): number[] {
    const children: number[] = [];
    for (const { pid, tid } of process.threads) {
      const own = readChildren(threadOf(pid, tid));
      if (own === undefined) return [...((this.#byParent ??= childrenByParent()).get(pid) ?? [])];
      children.push(...own);
    }
    return children;
  }
}

/** PTRACE_O_SUSPEND_SECCOMP lets calls of ours through its filters; it needs CAP_SYS_ADMIN. */
function seizeWithSeccompSuspended(pid: number, tid: number): Tracee {
  try {
    return Tracee.seize(pid, tid, OPTIONS | PTRACE_O.SUSPEND_SECCOMP);
  } catch (error) {
    if (error instanceof SyscallFailed && (error.errno === EPERM || error.errno === EINVAL)) return Tracee.seize(pid, tid, OPTIONS);
    throw error;
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readProcText(pid, 'status'));
  } catch (error) {
    if (error instanceof ProcessGone) return false;
    throw error;
  }
}

/** The pid of the thread's tracer, 0 for none; undefined when the thread is gone or a zombie. */
function tracerOf(pid: number, tid: number): number | undefined {
  try {
    const status = readProcText(threadOf(pid, tid), 'status');
    if (/^State:\s+[ZX]/m.test(status)) return undefined;
    return Number(/^TracerPid:\s+(\d+)/m.exec(status)?.[1]);
  } catch (error) {
    if (error instanceof ProcessGone) return undefined;
    throw error;
  }
}

function stateOf({ pid, tid }: Tracee): string {
  return /^State:\s+(.*)$/m.exec(readProcText(threadOf(pid, tid), 'status'))?.[1] ?? 'unknown state';
}
