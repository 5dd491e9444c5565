import { clone_args, CLONE, kernel_sigaction, PR, PTRACE, PTRACE_O, SIG, SYS } from '@criu-ts/kernel/abi';
import { kill, processVmRead, processVmWrite, type SyscallArg } from '@criu-ts/kernel/sys';
import { Batch, BatchBuffers, type BatchRunner } from './batch.js';
import { BLOB } from './blob.js';
import { TraceeDied } from './errors.js';
import type { Registers } from './registers.js';
import type { SyscallObserver } from './remote-syscalls.js';
import { Tracee } from './tracee.js';

/** int3 makes the kernel force SIGTRAP: blocked or ignored it would reset the action and kill. */
const ALL_BUT_SIGTRAP = ~(1n << BigInt(SIG.TRAP - 1)) & 0xffff_ffff_ffff_ffffn;

/** Puppets are killed when we die; births and system calls are told apart from signals. */
export const PUPPET_OPTIONS = PTRACE_O.EXITKILL | PTRACE_O.TRACESYSGOOD | PTRACE_O.TRACEFORK | PTRACE_O.TRACEVFORK | PTRACE_O.TRACECLONE;

/** One set for all puppets, as they are steered one at a time; others where a batch is built while another is, or runs. */
const idleBuffers: BatchBuffers[] = [];

const takeBuffers = (): BatchBuffers => idleBuffers.pop() ?? new BatchBuffers(BLOB.opsSize, BLOB.dataSize);

export interface CloneOptions {
  /** CLONE_*, without an exit signal */
  readonly flags: number | bigint;
  /** Signal to the parent at exit; 0 for threads. */
  readonly exitSignal: number;
  /** Ids in each pid namespace, the innermost first; empty: whatever comes. */
  readonly setTid: readonly number[];
}

/**
 * A blank task that becomes, call by call, what it is told. It has the blob (native/batch) mapped at `blob`; its
 * children and threads are born as puppets with the blob at the same address. It dies with us (PTRACE_O_EXITKILL).
 */
export class Puppet {
  readonly tracee: Tracee;
  /** Address of the blob's mapping, {@link BLOB}.size bytes. */
  readonly blob: number;
  readonly #observe: SyscallObserver | undefined;
  readonly #registers: Registers;
  readonly #runner: BatchRunner;
  /** Ids of tasks that were born during the last run, as we see them. */
  #born: number[] = [];
  #stopping: { readonly signal: number; done: boolean } | undefined;

  /** @param tracee stopped, with the blob mapped */
  constructor(tracee: Tracee, blob: number, observe?: SyscallObserver) {
    this.tracee = tracee;
    this.blob = blob;
    this.#observe = observe;
    this.#registers = tracee.getRegisters();
    const { pid, tid } = tracee;
    this.#runner = {
      area: { ops: blob + BLOB.ops, opsCapacity: BLOB.opsCapacity, data: blob + BLOB.data, dataSize: BLOB.dataSize },
      write: (remote, memory, length) => mustMove(tid, processVmWrite(pid, remote, memory.address, length), length),
      read: (remote, memory, length) => mustMove(tid, processVmRead(pid, remote, memory.address, length), length),
      start: (count) => this.#start(count),
      finish: () => this.#finish(),
      ...(observe !== undefined && { observe: (nr: number, args: readonly SyscallArg[], result: number) => observe(tid, nr, args, result) }),
    };
  }

  /** To be done once, before the first batch, for every newborn. */
  blockSignals(): void {
    this.tracee.setSigmask(ALL_BUT_SIGTRAP);
  }

  /** Lets the thread make every call until it is let go, whatever its seccomp mode. @throws SyscallFailed EPERM */
  suspendSeccomp(): void {
    this.tracee.request(PTRACE.SETOPTIONS, 0, PUPPET_OPTIONS | PTRACE_O.SUSPEND_SECCOMP);
  }

  /** Builds and runs a batch; the builder's result is returned. The builder may have others run, of this puppet too. @throws BatchFailed */
  batch<T>(build: (batch: Batch) => T): T {
    const buffers = takeBuffers();
    try {
      const batch = new Batch(this.#runner, buffers);
      const result = build(batch);
      batch.run();
      return result;
    } finally {
      idleBuffers.push(buffers);
    }
  }

  /**
   * As {@link batch}, but calls run while the next ones are built, and the last ones still do when this returns: they are
   * over when the function that it returns is, and no other calls may be made before. Worth it where the puppet has a CPU
   * of its own.
   * @throws BatchFailed both
   */
  startBatch(build: (batch: Batch) => void): () => void {
    const buffers = [takeBuffers(), takeBuffers()] as const;
    const batch = new Batch(this.#runner, ...buffers);
    build(batch);
    batch.start();
    return () => {
      batch.finish();
      idleBuffers.push(...buffers);
    };
  }

  /** One call that must succeed; its result. */
  call(nr: number, ...args: readonly SyscallArg[]): number {
    return this.batch((batch) => {
      const ref = batch.call(nr, ...args);
      batch.run();
      return batch.result(ref);
    });
  }

  /** One call; its result or the negated errno. */
  attempt(nr: number, ...args: readonly SyscallArg[]): number {
    return this.batch((batch) => {
      const ref = batch.attempt(nr, ...args);
      batch.run();
      return batch.result(ref);
    });
  }

  /** clone3(2) by the puppet; the newborn is stopped, all its signals but SIGTRAP blocked. */
  clone(options: CloneOptions): Puppet {
    this.#born = [];
    const thread = (BigInt(options.flags) & BigInt(CLONE.THREAD)) !== 0n;
    this.batch((b) => {
      b.doing(thread ? 'clone a thread' : 'clone a process');
      const tids = b.struct(Math.max(4, options.setTid.length * 4));
      options.setTid.forEach((tid, i) => tids.view.setInt32(4 * i, tid, true));
      const args = b.struct(clone_args.size);
      clone_args.write(args.view, 0, {
        flags: BigInt(options.flags),
        exit_signal: BigInt(options.exitSignal),
        set_tid: options.setTid.length === 0 ? 0 : tids.address,
        set_tid_size: BigInt(options.setTid.length),
      });
      b.call(SYS.clone3, args.address, clone_args.size);
    });
    const tid = this.#born[0];
    if (tid === undefined) throw new TraceeDied(this.tracee.tid, 'clone3 gave no birth');
    const tracee = Tracee.born(thread ? this.tracee.pid : tid, tid);
    const stop = tracee.wait();
    // A thread is born into the group-stop of its process.
    if (stop.kind !== 'trap' && stop.kind !== 'group-stop') tracee.unexpected(stop, "a newborn's first stop");
    const puppet = new Puppet(tracee, this.blob, this.#observe);
    puppet.blockSignals();
    return puppet;
  }

  /**
   * Puts its process into a group-stop, by one of SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU. It can be steered on, and stops
   * when it is let go. Its actions must be the default ones.
   * @returns false where the kernel does not let it: but for SIGSTOP, a process group without a shell never stops
   */
  stop(signal: number): boolean {
    this.tracee.setSigmask(ALL_BUT_SIGTRAP & ~(1n << BigInt(signal - 1)));
    kill(this.tracee.pid, signal);
    this.#stopping = { signal, done: false };
    this.call(SYS.getpid);
    const { done } = this.#stopping;
    this.#stopping = undefined;
    this.blockSignals();
    return done;
  }

  /** Ends it, without a core dump. It remains a zombie until its parent waits for it. @param status as wait(2) is to tell */
  die(status: number): void {
    const signal = status & 0x7f;
    try {
      if (signal === 0) this.call(SYS.exit_group, (status >> 8) & 0xff);
      this.batch((b) => {
        b.doing('end by a signal').call(SYS.prctl, PR.SET_DUMPABLE, 0);
        const action = b.struct(kernel_sigaction.size);
        if (signal !== SIG.KILL) b.call(SYS.rt_sigaction, signal, action.address, 0, 8);
      });
      // It stands where int3 was about to deliver SIGTRAP: another signal takes its place.
      this.tracee.setSigmask(0n);
      this.tracee.resume(PTRACE.CONT, signal);
      this.tracee.unexpected(this.tracee.wait(), 'the end');
    } catch (error) {
      if (!(error instanceof TraceeDied)) throw error;
    }
  }

  #start(count: number): void {
    const registers = this.#registers;
    registers.set('rip', this.blob);
    registers.set('rsp', this.blob + BLOB.stackTop);
    registers.set('rdi', this.blob + BLOB.ops);
    registers.set('rsi', count);
    registers.set('origRax', -1n);
    this.tracee.setRegisters(registers);
    this.tracee.resume(PTRACE.CONT);
  }

  #finish(): number {
    for (;;) {
      let signal = 0;
      const stop = this.tracee.wait();
      if (stop.kind === 'signal' && stop.signal === SIG.TRAP) return Number(this.tracee.readRegisters().get('rax'));
      if (stop.kind === 'event') this.#born.push(this.tracee.eventMessage());
      else if (stop.kind === 'signal' && stop.signal === this.#stopping?.signal) signal = stop.signal;
      else if (stop.kind === 'group-stop') {
        if (this.#stopping !== undefined) this.#stopping.done = true;
      } else this.tracee.unexpected(stop, "a batch's end");
      this.tracee.resume(PTRACE.CONT, signal);
    }
  }
}

function mustMove(tid: number, count: number, length: number): void {
  if (count === length) return;
  throw count === -3 ? new TraceeDied(tid, 'the task is gone') : new Error(`the blob of task ${tid} can't be reached: ${count} of ${length} bytes`);
}
