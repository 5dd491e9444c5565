import { ERRNO, PTRACE, PTRACE_EVENT, PTRACE_O } from '@criu-ts/kernel/abi';
import { childrenByParent, listThreads, ProcessGone, readChildren, readProcText, threadOf } from '@criu-ts/kernel/procfs';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import { FreezeFailed, TraceeDied } from './errors.js';
import { letGo, letStraysGo } from './let-go.js';
import { whileSeeingOff } from './reaper.js';
import { Tracee } from './tracee.js';
import { awaitedChild } from './vfork.js';

/** Newborns of a task that we seized are ours from their first instruction: a tree that forks all the while can't get away. */
const BIRTHS = PTRACE_O.TRACEFORK | PTRACE_O.TRACEVFORK | PTRACE_O.TRACECLONE;
const OPTIONS = PTRACE_O.TRACESYSGOOD | BIRTHS;

/** ms after which a task that was told to stop may have a reason not to. */
const MOMENT = 10;
/** Times that a task has to be refused to us before we may not trace it. */
const LOOKS = 3;

/** A process whose threads all stand still, or a zombie (no threads). */
export interface FrozenProcess {
  readonly pid: number;
  /** The main thread first, unless it has ended while others live on: then the kernel keeps it as a zombie, which no tracer can have. */
  readonly threads: readonly Tracee[];
  /** Threads of the kernel's own in the process: stopped too, to be seen off when they are killed, and nothing else. */
  readonly kernelThreads?: readonly Tracee[];
  readonly zombie: boolean;
  /** The signal of the group-stop that it was in before we came (SIGSTOP, SIGTSTP, …). */
  readonly stopSignal: number | undefined;
}

export interface FreezeOptions {
  /** Milliseconds; Infinity for none. */
  readonly timeout: number;
  onFrozen?(process: FrozenProcess): void;
  /**
   * For a tree that something else holds, a cgroup's freezer: tasks in it stop only when it lets them go. All that
   * live are told to stop first, then this is called.
   */
  thaw?(): void;
  /** Processes that are to stand still as well, though they are none of the tree: asked for when that stands. */
  bystanders?(): readonly number[];
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
      if (options.thaw !== undefined) {
        tree.#tellAll();
        options.thaw();
      }
      tree.#freezeAll();
      for (const pid of options.bystanders?.() ?? []) tree.#freezeBystander(pid);
      // Born by somebody of the tree into another family (CLONE_PARENT), or ended: none of ours.
      tree.#letNewbornGo();
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
    this.#letGo(() => true);
    this.#letNewbornGo();
  }

  #letGo(which: (tracee: Tracee) => boolean): void {
    // Others first: a main thread's end is told when it is the last.
    const threads = [...this.#threads.values()].filter(which).sort((a, b) => Number(a.tid === a.pid) - Number(b.tid === b.pid));
    for (const { tid } of threads) this.#threads.delete(tid);
    letGo(threads);
  }

  #letNewbornGo(): void {
    const newborn = [...this.#newborn].map((tid) => Tracee.born(tid, tid));
    this.#newborn.clear();
    letGo(newborn);
    letStraysGo();
  }

  /** Until a look at the whole tree finds nobody new: an orphan may have come to a subreaper that we saw before. */
  #freezeAll(): void {
    this.#freezeProcess(this.root);
    for (let settled = false; !settled; ) {
      settled = true;
      const scan = new ChildScan();
      // The map grows while it is walked, so grandchildren come in the same pass.
      for (const process of this.processes.values()) {
        for (const child of scan.childrenOf(process)) {
          if (this.processes.has(child)) continue;
          // Also if it ended before we had it: the kernel may have skipped a sibling in the list then.
          settled = false;
          this.#checkTime();
          this.#freezeProcess(child);
        }
      }
    }
  }

  /** Seizes every thread without waiting for its stop; {@link #seize} will find them as ours. */
  #tellAll(): void {
    const children = childrenByParent();
    const pids = [this.root];
    for (let i = 0; i < pids.length; i++) {
      const pid = pids[i] as number;
      pids.push(...(children.get(pid) ?? []));
      if (pid === process.pid) continue;
      for (const tid of threadsOf(pid)) if (seize(pid, tid) !== undefined) this.#newborn.add(tid);
    }
  }

  #freezeBystander(pid: number): void {
    if (this.processes.has(pid) || pid === process.pid) return;
    const threads = new Map<number, Tracee>();
    try {
      while (!this.#freezeThreads(pid, threads)) this.#checkTime();
    } catch (error) {
      if (!(error instanceof ProcessGone || error instanceof TraceeDied)) throw error;
    }
  }

  #freezeProcess(pid: number): void {
    if (pid === process.pid) throw new FreezeFailed(pid, 'it is criu-ts itself', 'start criu-ts from outside of the tree');
    const threads = new Map<number, Tracee>();
    try {
      while (!this.#freezeThreads(pid, threads)) this.#checkTime();
    } catch (error) {
      // A child that ended while we looked is no part of the tree any more; its parent may still have to wait for it.
      if (pid === this.root || !(error instanceof ProcessGone || error instanceof TraceeDied)) throw error;
    }
    if (threads.size === 0) {
      if (pid === this.root) throw new TraceeDied(pid, 'the process ended while it was being stopped');
      if (isZombie(pid)) this.processes.set(pid, { pid, threads: [], zombie: true, stopSignal: undefined });
      seeOffThreads(pid);
      this.#letGo((tracee) => tracee.pid === pid);
      return;
    }
    const kernelThreads = [...threads.values()].filter(isKernels);
    const ordered = [...threads.values()].filter((tracee) => !kernelThreads.includes(tracee)).sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
    const frozen: FrozenProcess = { pid, threads: ordered, kernelThreads, zombie: false, stopSignal: ordered.map(({ tid }) => this.#stopSignals.get(tid)).find((s) => s !== undefined) };
    this.processes.set(pid, frozen);
    this.#onFrozen?.(frozen);
  }

  /** One look at the threads of a process, all unknown ones stopped; true when there was none and all known ones stand. */
  #freezeThreads(pid: number, threads: Map<number, Tracee>): boolean {
    const fresh = listThreads(pid).filter((tid) => !threads.has(tid));
    const known = [...threads.keys(), ...fresh].filter((tid) => tid !== pid);
    const seized = fresh.map((tid) => this.#seize(pid, tid, known)).filter((tracee) => tracee !== undefined);
    for (const tracee of seized) if (this.#awaitStop(tracee)) threads.set(tracee.tid, tracee);
    if (seized.length > 0) return false;
    // Where one ended the kernel may have skipped another; an ended main thread stays in the list.
    if (fresh.some((tid) => tid !== pid)) {
      seeOffThreads(pid);
      return false;
    }
    // execve(2) by one thread ends the others and gives it the main thread's id, exit_group(2) ends all.
    const lost = [...threads.values()].filter((tracee) => !tracee.held);
    for (const { tid } of lost) threads.delete(tid);
    return lost.length === 0;
  }

  /** undefined: the thread ended meanwhile. @param known threads of the process that may end meanwhile: all but the main one */
  #seize(pid: number, tid: number, known: readonly number[]): Tracee | undefined {
    const tracee = this.#newborn.delete(tid) ? Tracee.born(pid, tid) : whileSeeingOff(known, () => seize(pid, tid));
    if (tracee !== undefined) this.#threads.set(tid, tracee);
    return tracee;
  }

  /** False: the thread ended instead. */
  #awaitStop(tracee: Tracee): boolean {
    try {
      for (;;) {
        const stop = tracee.waitUntil(Math.min(this.#deadline, performance.now() + MOMENT));
        if (stop === undefined && performance.now() < this.#deadline) {
          seeOffThreads(tracee.pid);
          this.#letAwaitedGo(tracee);
          // By execve(2) another thread may have become the main one: one that was asked under an id that it had no more,
          // or that is no tracee of ours yet.
          if (tracee.tid === tracee.pid) tracee.interrupt();
          continue;
        }
        if (stop === undefined) throw new FreezeFailed(tracee.pid, `thread ${tracee.tid} ${whyItRuns(tracee)}`, 'try again later, or give more time with --timeout');
        switch (stop.kind) {
          case 'trap':
            return true;
          case 'group-stop':
            this.#stopSignals.set(tracee.tid, stop.signal);
            return true;
          case 'event': {
            // The newborn is met when its process is listed.
            const tid = tracee.eventMessage();
            // A parent stops when the child that has its memory ends or calls execve(2), not before.
            if (stop.event === PTRACE_EVENT.VFORK) letGo([Tracee.born(tid, tid)]);
            else this.#newborn.add(tid);
            // Any stop uses up the one that we asked for (kernel/signal.c, ptrace_stop).
            tracee.interrupt();
            tracee.resume(PTRACE.CONT);
            break;
          }
          case 'signal':
            // It was about to get a signal when we came: it gets it, then stops for us.
            tracee.interrupt();
            tracee.resume(PTRACE.CONT, stop.signal);
            break;
          case 'syscall':
            tracee.unexpected(stop, 'the first stop');
        }
      }
    } catch (error) {
      if (!(error instanceof TraceeDied)) throw error;
      // A main thread may still have to be seen off, when it is the last.
      if (tracee.tid !== tracee.pid) this.#threads.delete(tracee.tid);
      return false;
    }
  }

  /** Whom we told to stop before we knew that others can't stop without it: a child that its parent waits for in vfork(2). */
  #letAwaitedGo({ pid, tid }: Tracee): void {
    if (this.#newborn.size === 0) return;
    for (let child = awaitedChild(pid, tid); child !== undefined; child = awaitedChild(child, child)) {
      letGo(threadsOf(child).filter((one) => this.#newborn.delete(one)).map((one) => Tracee.born(child as number, one)));
    }
  }

  #checkTime(): void {
    if (performance.now() > this.#deadline) throw new FreezeFailed(this.root, 'its tree changes faster than it can be stopped', 'try again later, or give more time with --timeout');
  }
}

/** Children of processes, at one time: by /proc/PID/task/TID/children, or, where the kernel lacks it, by a look at all processes. */
class ChildScan {
  #byParent: ReadonlyMap<number, readonly number[]> | undefined;

  childrenOf(process: FrozenProcess): number[] {
    const children: number[] = [];
    for (const { pid, tid } of process.threads) {
      try {
        const own = readChildren(threadOf(pid, tid));
        if (own === undefined) return [...((this.#byParent ??= childrenByParent()).get(pid) ?? [])];
        children.push(...own);
      } catch (error) {
        // Killed by somebody else: its children are another's.
        if (!(error instanceof ProcessGone)) throw error;
      }
    }
    return children;
  }
}

/** Asks a thread to stop. undefined: it ended meanwhile. @throws FreezeFailed where we may not */
function seize(pid: number, tid: number): Tracee | undefined {
  let tracer = 0;
  // Nobody may seize what has ended, but in place of an ended main thread execve(2) puts one that lives.
  for (let looks = 0; looks < LOOKS && tracer === 0; looks++) {
    try {
      return interrupted(seizeWithSeccompSuspended(pid, tid));
    } catch (error) {
      if (error instanceof TraceeDied) return undefined;
      if (!(error instanceof SyscallFailed && error.errno === ERRNO.EPERM)) throw error;
    }
    // A thread on its way out can't be seized either: only one that stays is a problem.
    const found = tracerOf(pid, tid);
    if (found === undefined) return undefined;
    // Under another id: by execve(2) a thread becomes the main thread.
    if (found === process.pid) return interrupted(Tracee.born(pid, tid));
    tracer = found;
  }
  throw tracer === 0
    ? new FreezeFailed(pid, 'we may not trace it', 'run as root, or with CAP_SYS_PTRACE')
    : new FreezeFailed(pid, `it is traced by process ${tracer} already`, 'end the debugger, strace or other tracer');
}

/** One that ended since is our tracee all the same, to be seen off by us: waiting for its stop shows it. */
function interrupted(tracee: Tracee): Tracee {
  try {
    tracee.interrupt();
  } catch (error) {
    if (!(error instanceof TraceeDied)) throw error;
  }
  return tracee;
}

/** PTRACE_O_SUSPEND_SECCOMP lets calls of ours through its filters; it needs CAP_SYS_ADMIN. */
function seizeWithSeccompSuspended(pid: number, tid: number): Tracee {
  try {
    return Tracee.seize(pid, tid, OPTIONS | PTRACE_O.SUSPEND_SECCOMP);
  } catch (error) {
    if (error instanceof SyscallFailed && (error.errno === ERRNO.EPERM || error.errno === ERRNO.EINVAL)) return Tracee.seize(pid, tid, OPTIONS);
    throw error;
  }
}

/**
 * A thread of the kernel's own in the process, such as io_uring has: it stops and goes on as others do, but never runs
 * the program's code, so it can make no calls for us, and there is nothing to save. The kernel gives it an instruction
 * and a stack pointer of 0 so that tracers see it (arch/x86/kernel/process.c, copy_thread).
 */
function isKernels(tracee: Tracee): boolean {
  if (tracee.tid === tracee.pid) return false;
  const registers = tracee.readRegisters();
  return registers.get('rip') === 0n && registers.get('rsp') === 0n;
}

function threadsOf(pid: number): number[] {
  try {
    return listThreads(pid);
  } catch (error) {
    if (error instanceof ProcessGone) return [];
    throw error;
  }
}

function isZombie(task: Parameters<typeof readProcText>[0]): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readProcText(task, 'status'));
  } catch (error) {
    if (error instanceof ProcessGone) return false;
    throw error;
  }
}

/**
 * Takes note of the end of threads: in execve(2) one goes on when all others are gone, and that a process ended is
 * told when its threads are. Some we never heard of: born to a thread that was killed before it could tell. The main
 * thread is not for us: execve gives its id to another.
 */
function seeOffThreads(pid: number): void {
  try {
    const dead = listThreads(pid).filter((tid) => tid !== pid && isZombie(threadOf(pid, tid)));
    letGo(dead.map((tid) => Tracee.born(pid, tid)));
  } catch (error) {
    if (!(error instanceof ProcessGone)) throw error;
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

/** What keeps it from stopping: an uninterruptible sleep. */
function whyItRuns({ pid, tid }: Tracee): string {
  const task = threadOf(pid, tid);
  const state = /^State:\s+(.*)$/m.exec(readProcText(task, 'status'))?.[1] ?? 'unknown state';
  const child = awaitedChild(pid, tid);
  return child !== undefined ? `waits in vfork(2) until process ${child} ends or calls execve(2)` : `does not stop: ${state}`;
}
