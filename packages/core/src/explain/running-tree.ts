// A process tree that runs on while it is looked at, in the form in which a dump sees a frozen one.
import { closeSync, openSync, readSync } from 'node:fs';
import { childrenByParent, listThreads, ProcessGone, readStat, readStatus, threadOf } from '@criu-ts/kernel/procfs';
import { awaitedChild, type FrozenProcess, type FrozenTree, Registers, type Tracee, USER_CS_64 } from '@criu-ts/tracee';
import { HostLacks } from '../errors.js';
import { NeedsFreezing } from '../resources/contexts.js';
import { nameOf } from '../dump/inspect.js';

const USER_CS_32 = 0x23n;
/** ei_class of an ELF header (elf(5)). */
const EI_CLASS = 4;
const ELFCLASS32 = 1;

/**
 * The tree below `root` as /proc has it: nobody is stopped. Ourselves are left out. @throws ProcessGone where the root is gone
 * @returns typed as a frozen tree, for the stages of a dump; what can't be known of a running thread throws {@link NeedsFreezing}
 */
export function lookAtTree(root: number): FrozenTree {
  const children = childrenByParent();
  const processes = new Map<number, FrozenProcess>();
  const pids = [root];
  for (let pid = pids.shift(); pid !== undefined; pid = pids.shift()) {
    if (pid === process.pid) continue;
    try {
      processes.set(pid, lookAtProcess(pid));
    } catch (error) {
      if (pid === root || !(error instanceof ProcessGone)) throw error;
    }
    pids.push(...(children.get(pid) ?? []));
  }
  return { root, processes } as unknown as FrozenTree;
}

function lookAtProcess(pid: number): FrozenProcess {
  const { state } = readStat(pid);
  const tids = listThreads(pid).filter((tid) => !hasEnded(tid === pid ? state : stateOf(pid, tid)));
  const [first] = tids;
  if (first === undefined) return { pid, threads: [], zombie: true, stopSignal: undefined };
  const cs = is32Bit(first) ? USER_CS_32 : USER_CS_64;
  const threads = tids.map((tid) => runningThread(pid, tid, cs));
  threads.sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid) || a.tid - b.tid);
  // Which signal it was, only ptrace(2) tells; SIGSTOP stands for all of them.
  return { pid, threads, zombie: false, stopSignal: state === 'T' ? 19 : undefined };
}

const hasEnded = (state: string): boolean => state === 'Z' || state === 'X';

function stateOf(pid: number, tid: number): string {
  try {
    return readStat(threadOf(pid, tid)).state;
  } catch (error) {
    if (error instanceof ProcessGone) return 'X';
    throw error;
  }
}

function is32Bit(pid: number): boolean {
  const start = new Uint8Array(EI_CLASS + 1);
  try {
    const fd = openSync(`/proc/${pid}/exe`, 'r');
    try {
      readSync(fd, start);
    } finally {
      closeSync(fd);
    }
  } catch {
    // It ended, or its file can't be read: what runs is most likely like everything else here.
  }
  return start[EI_CLASS] === ELFCLASS32;
}

/** Knows what /proc tells: whether it is a 32-bit thread, and its blocked signals. */
function runningThread(pid: number, tid: number, cs: bigint): Tracee {
  const known = {
    pid,
    tid,
    getRegisters(): Registers {
      const registers = new Registers();
      registers.set('cs', cs);
      return registers;
    },
    getSigmask: (): bigint => readStatus(`${pid}/task/${tid}`).sigBlk,
  };
  return new Proxy(known, {
    get(target, name) {
      if (name in target || typeof name === 'symbol') return Reflect.get(target, name) as unknown;
      throw new NeedsFreezing(`${name} of thread ${tid}`);
    },
  }) as unknown as Tracee;
}

/** What would keep a dump from stopping the tree; in a dump the freezer tells it. */
export function* freezeObstacles(tree: FrozenTree): Generator<HostLacks> {
  if (tree.processes.has(process.ppid)) yield new HostLacks('freeze', 'it is criu-ts itself', { task: nameOf(process.pid), hint: 'start criu-ts from outside of the tree' });
  for (const { pid, threads } of tree.processes.values()) {
    const [first] = threads;
    if (first === undefined) continue;
    const task = nameOf(pid);
    const { tracerPid } = readStatus(first.tid);
    if (tracerPid !== 0) yield new HostLacks('freeze', `it is traced by process ${tracerPid} already`, { task, hint: 'end the debugger, strace or other tracer' });
  }
}

/** What a dump would have to wait for before the tree stands still. */
export function* freezeDelays(tree: FrozenTree): Generator<{ readonly pid: number; readonly text: string }> {
  for (const { pid, threads } of tree.processes.values()) {
    for (const { tid } of threads) {
      const child = awaitedChild(pid, tid);
      if (child !== undefined) yield { pid, text: `thread ${tid} waits in vfork(2) until process ${child} ends or calls execve(2): a dump waits for that, as long as --timeout lets it` };
    }
  }
}
