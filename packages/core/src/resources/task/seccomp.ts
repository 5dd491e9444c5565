// seccomp(2); PTRACE_SECCOMP_GET_FILTER and PTRACE_SECCOMP_GET_METADATA of ptrace(2)
import { type core_entry, IMAGE_TYPES, type seccomp_filter, seccomp_mode } from '@criu-ts/images';
import { ERRNO, PR, PTRACE, SECCOMP, SECCOMP_FILTER_FLAG, SECCOMP_RET, seccomp_metadata, sock_filter, sock_fprog, SYS } from '@criu-ts/kernel/abi';
import { Memory, SyscallFailed, tryPtrace } from '@criu-ts/kernel/sys';
import { type Batch, TraceeDied } from '@criu-ts/tracee';
import { HostLacks, ImageCorrupt, Unsupported } from '../../errors.js';
import type { DumpTask, DumpThread } from '../../model/dump-task.js';
import { type DumpContext, NeedsFreezing, type RestoreContext } from '../contexts.js';
import type { ProcessFacet, ProcessToRestore, ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';

/** BPF_RET | BPF_K: the program's result is the constant `k` (linux/bpf_common.h). */
const RETURN_CONSTANT = 0x06;
/** Programs have at most BPF_MAXINSNS instructions. */
const buffer = new Memory(4096 * sock_filter.size);
const metadata = new Memory(seccomp_metadata.size);

/** seccomp.img is one list of all filters of the tree; each names the one that was there before it. */
export function seccompFilters(at: DumpContext): seccomp_filter[] {
  return at.shared('seccomp filters', () => []);
}

/** What the process as a whole has: filters that all threads share came by one call for all of them. */
export const seccomp: ProcessFacet = {
  name: 'seccomp',
  judge(task, at) {
    for (const thread of task.threads) if (thread.status.seccomp === SECCOMP.MODE_FILTER) judgeFilters(thread, at);
  },
  capture(task, _core, _remote, at) {
    captureFilters(task, at);
  },
  restore: [
    {
      phase: 'last',
      because: 'our own calls are done, nearly: the last ones are made while filters are suspended; it needs CAP_SYS_ADMIN',
      run(process, batch, at) {
        const { shared, of } = chainsOf(process, at);
        const flag = of.size > 1 ? SECCOMP_FILTER_FLAG.TSYNC : 0;
        for (const filter of shared) install(batch, filter, flag);
      },
    },
  ],
};

export const threadSeccomp: ThreadFacet = {
  name: 'seccomp',
  capture() {
    // The process's facet has done it.
  },
  restore: [
    {
      phase: 'late',
      because: 'one thread can give all of them filters; they stay suspended until we let go',
      run({ task, puppet, core }, _batch, at) {
        const { of } = chainsOf(task, at);
        if (modeOf(core) === seccomp_mode.disabled && [...of.values()].every((chain) => chain.length === 0)) return;
        try {
          puppet.suspendSeccomp();
        } catch (error) {
          if (!(error instanceof SyscallFailed)) throw error;
          throw new HostLacks('seccomp', 'seccomp filters can not be suspended', { task: task.name, why: 'it needs CAP_SYS_ADMIN, and to be without seccomp oneself', hint: 'run as root, outside of a sandbox', cause: error });
        }
      },
    },
    {
      phase: 'last',
      because: 'after those that all threads share',
      run({ task, tid, core }, batch, at) {
        const { shared, of } = chainsOf(task, at);
        for (const filter of of.get(tid)?.slice(shared.length) ?? []) install(batch, filter, 0);
        if (modeOf(core) === seccomp_mode.strict) batch.doing('enter strict seccomp mode').call(SYS.prctl, PR.SET_SECCOMP, SECCOMP.MODE_STRICT);
      },
    },
  ],
};

/** The filters of a thread, the oldest first. */
function readFilters({ tracee, task }: DumpThread): seccomp_filter[] {
  const filters: seccomp_filter[] = [];
  for (;;) {
    const count = tryPtrace(PTRACE.SECCOMP_GET_FILTER, tracee.tid, filters.length, buffer.address);
    if (count === -ERRNO.ENOENT) return filters;
    if (count === -ERRNO.ESRCH) throw new TraceeDied(tracee.tid, 'the task is gone, or runs');
    if (count === -ERRNO.EACCES) throw new HostLacks('seccomp', 'its seccomp filters can not be read', { task: task.name, why: 'it needs CAP_SYS_ADMIN, and to be without seccomp oneself', hint: 'run as root, outside of a sandbox' });
    if (count < 0) throw new SyscallFailed(`ptrace(PTRACE_SECCOMP_GET_FILTER, ${tracee.tid}, ${filters.length})`, -count);
    filters.push({ filter: buffer.bytes.slice(0, count * sock_filter.size), flags: readFlags(tracee.tid, filters.length) });
  }
}

/** Of the flags the kernel tells SECCOMP_FILTER_FLAG_LOG; before 4.16 none. */
function readFlags(tid: number, index: number): number {
  seccomp_metadata.write(metadata.view, 0, { filter_off: BigInt(index), flags: 0n });
  const result = tryPtrace(PTRACE.SECCOMP_GET_METADATA, tid, metadata.size, metadata.address);
  if (result === -ERRNO.EIO) return 0;
  if (result < 0) throw new SyscallFailed(`ptrace(PTRACE_SECCOMP_GET_METADATA, ${tid}, ${index})`, -result);
  return Number(seccomp_metadata.read(metadata.view, 0).flags);
}

/** A filter that asks a supervisor has a descriptor somewhere, and calls in flight. */
function judgeFilters(thread: DumpThread, at: DumpContext): void {
  if (at.running === true) throw new NeedsFreezing('the kernel tells its filters to a tracer only');
  if (!readFilters(thread).some(({ filter }) => asksSupervisor(filter))) return;
  at.refuse(
    new Unsupported('seccomp', 'a seccomp filter that asks a supervisor (SECCOMP_RET_USER_NOTIF) is not supported', {
      object: `thread ${thread.tid}`,
      task: thread.task.name,
      why: 'its supervisor holds a descriptor of it that can not be made again',
      hint: 'run it without that filter',
    }),
  );
}

/** @param program instructions as the kernel has them */
export function asksSupervisor(program: Uint8Array): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  for (let at = 0; at < program.length; at += sock_filter.size) {
    const { code, k } = sock_filter.read(view, at);
    if (code === RETURN_CONSTANT && (k & SECCOMP_RET.ACTION_FULL) >>> 0 === SECCOMP_RET.USER_NOTIF) return true;
  }
  return false;
}

/**
 * Nothing tells whether threads have the same filters or equal ones. As in CRIU's images, a process whose threads all
 * have equal ones has them from one call (TSYNC) of its main thread, and the others tell of none: what asks for TSYNC
 * later fails for threads with filters of their own.
 */
function captureFilters({ threads }: DumpTask, at: DumpContext): void {
  const chains = threads.map((thread) => (thread.status.seccomp === SECCOMP.MODE_FILTER ? readFilters(thread) : []));
  const main = chains[0] ?? [];
  const together = threads.length > 1 && main.length > 0 && chains.every((chain) => chain.length === main.length && sharedLength([chain, main]) === main.length);
  threads.forEach(({ core, status }, i) => {
    if (status.seccomp === SECCOMP.MODE_DISABLED || (together && i > 0)) return;
    const mode = status.seccomp as seccomp_mode;
    Object.assign(threadCoreOf(core), { seccompMode: mode, ...(mode === seccomp_mode.filter && { seccompFilter: append(seccompFilters(at), chains[i] ?? [], together) }) });
  });
}

/** @returns the number of the newest */
function append(all: seccomp_filter[], chain: readonly seccomp_filter[], together: boolean): number {
  let prev: number | undefined;
  for (const { filter, flags = 0 } of chain) {
    all.push({ filter, flags: together ? flags | SECCOMP_FILTER_FLAG.TSYNC : flags, ...(prev !== undefined && { prev }) });
    prev = all.length - 1;
  }
  return prev ?? 0;
}

interface Chains {
  /** The oldest filters of every thread. */
  readonly shared: readonly seccomp_filter[];
  /** All filters by thread, the oldest first. */
  readonly of: ReadonlyMap<number, readonly seccomp_filter[]>;
}

function chainsOf({ pid, threadCores }: ProcessToRestore, at: RestoreContext): Chains {
  return at.shared(`seccomp filters of process ${pid}`, () => {
    const own = new Map([...threadCores].map(([tid, core]) => [tid, chainOf(core, at)]));
    const main = own.get(pid) ?? [];
    const forAll = main.filter(({ flags = 0 }) => (flags & SECCOMP_FILTER_FLAG.TSYNC) !== 0);
    const of = new Map([...own].map(([tid, chain]) => [tid, tid === pid || chain.length > 0 ? chain : forAll]));
    return { of, shared: main.slice(0, sharedLength([...of.values()])) };
  });
}

/** @throws ImageCorrupt */
function chainOf(core: core_entry, at: RestoreContext): seccomp_filter[] {
  const chain: seccomp_filter[] = [];
  if (modeOf(core) !== seccomp_mode.filter) return chain;
  const all = at.shared('seccomp filters', () => at.images.readIfPresent(IMAGE_TYPES.seccomp)[0]?.seccompFilters ?? []);
  for (let index = seccompFilterOf(core); index !== undefined; ) {
    const filter = all[index];
    if (filter === undefined || chain.length >= all.length) throw new ImageCorrupt(`there is no seccomp filter ${index}, or it comes before itself`, { object: 'seccomp.img' });
    chain.unshift(filter);
    index = filter.prev;
  }
  return chain;
}

/** How many of the oldest filters are equal in all chains. */
function sharedLength(chains: readonly (readonly seccomp_filter[])[]): number {
  const [first = [], ...others] = chains;
  const differs = first.findIndex((filter, i) => !others.every((chain) => equal(filter, chain[i])));
  return differs < 0 ? first.length : differs;
}

function equal(a: seccomp_filter, b: seccomp_filter | undefined): boolean {
  return b !== undefined && meant(a) === meant(b) && Buffer.compare(a.filter, b.filter) === 0;
}

/** Flags that stay with a filter. */
const meant = ({ flags = 0 }: seccomp_filter): number => flags & (SECCOMP_FILTER_FLAG.LOG | SECCOMP_FILTER_FLAG.SPEC_ALLOW);

function install(batch: Batch, filter: seccomp_filter, flags: number): void {
  const { filter: program } = filter;
  if (program.length === 0 || program.length % sock_filter.size !== 0 || program.length > buffer.size) throw new ImageCorrupt(`a seccomp filter has ${program.length} bytes`, { object: 'seccomp.img' });
  batch.room(1, program.length + 64);
  const instructions = batch.bytes(program);
  const fprog = batch.bytes(sock_fprog.encode({ len: program.length / sock_filter.size, filter: instructions }));
  batch.doing('install a seccomp filter').expect(0, SYS.seccomp, SECCOMP.SET_MODE_FILTER, meant(filter) | flags, fprog);
}

const modeOf = (core: core_entry): seccomp_mode => readThreadCore(core).seccompMode ?? core.tc?.oldSeccompMode ?? seccomp_mode.disabled;
const seccompFilterOf = (core: core_entry): number | undefined => readThreadCore(core).seccompFilter ?? core.tc?.oldSeccompFilter;
