import { ERRNO, PTRACE, SIG, SYS } from '@criu-ts/kernel/abi';
import { ProcessGone, readProcText, threadOf } from '@criu-ts/kernel/procfs';
import { type CpuMask, getAffinity, setAffinity, SyscallFailed, type SyscallArg } from '@criu-ts/kernel/sys';
import type { BorrowedCode } from './borrowed-code.js';
import { CRASH_FRAME_HEAD, crashFrame, numberOfSyscall, NUMBERED_SYSCALL_LENGTH, OWN_FRAME, resolveRestartAnew, SCRATCH_DATA_SIZE, scratchData, scratchSize } from './crash-frame.js';
import { TraceeDied } from './errors.js';
import type { Registers } from './registers.js';
import type { Tracee } from './tracee.js';
import { signalXstate } from './xstate.js';

const ALL_SIGNALS = 0xffff_ffff_ffff_ffffn;
/** Calls go through registers only; a wider result than 2^53 is never asked for. */
const ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'] as const;

/** Told of every remote call: number, arguments, result or negated errno. */
export type SyscallObserver = (tid: number, nr: number, args: readonly SyscallArg[], result: number) => void;

export interface RemoteOptions {
  readonly observe?: SyscallObserver;
  /** The CPU that we run on: a call is 5 times faster when the task shares it with us. */
  readonly pin?: CpuMask;
  /** Whether it has seccomp filters, where the caller knows. */
  readonly filtered?: boolean;
}

/**
 * System calls that a stranger makes for us, with instructions of its own ({@link BorrowedCode}): nothing is mapped.
 * While an object of this class lives the task has our registers, and all signals blocked; disposing of it gives back
 * registers, mask and the scratch bytes. If we die at any moment the task returns to its own context by itself.
 * Signals that arrive meanwhile stay pending; a group-stop takes hold when the task is let go. All methods throw
 * {@link TraceeDied} when the task is gone, but disposing: then there is nothing to give back.
 */
export class RemoteSyscalls implements Disposable {
  /** Address of 4 KiB in the task, for what calls read and write. */
  readonly data: number;
  static readonly dataSize = SCRATCH_DATA_SIZE;

  readonly #tracee: Tracee;
  readonly #code: BorrowedCode;
  readonly #observe: SyscallObserver | undefined;
  readonly #original: Registers;
  readonly #sigmask: bigint;
  readonly #saved: Uint8Array;
  readonly #work: Registers;
  readonly #affinity: CpuMask;
  readonly #pin: CpuMask | undefined;
  #begun = false;

  /** @param tracee stopped, not in the middle of entering a system call */
  constructor(tracee: Tracee, code: BorrowedCode, { observe, pin, filtered }: RemoteOptions = {}) {
    this.#tracee = tracee;
    this.#code = code;
    this.#observe = observe;
    // Its filter may forbid the call by which it would take its affinity back if we die.
    this.#pin = pin === undefined || (filtered ?? hasSeccomp(tracee)) ? undefined : pin;
    this.#affinity = affinityOf(tracee);
    this.data = code.scratch + scratchData();
    this.#original = tracee.getRegisters();
    this.#sigmask = tracee.getSigmask();
    this.#saved = tracee.read(code.scratch, scratchSize());
    this.#work = this.#original.clone();
    this.#work.set('rsp', code.scratch);
    if (code.sigreturn === undefined) return;
    for (const [at, frame] of this.#crashFrames(code.sigreturn)) tracee.write(at, frame);
  }

  /** The result, or the negated errno. */
  call(nr: number, ...args: readonly SyscallArg[]): number {
    this.#work.set('rip', this.#code.syscall);
    this.#work.set('rax', nr);
    // Not in a system call: nothing to restart when it goes on.
    this.#work.set('origRax', -1n);
    ARGUMENTS.forEach((name, i) => this.#work.set(name, args[i] ?? 0));
    this.#tracee.setRegisters(this.#work);
    if (!this.#begun) {
      // Only now: from here on the crash frames give mask and affinity back.
      this.#begun = true;
      this.#tracee.setSigmask(ALL_SIGNALS);
      // A cpuset may forbid it: then it's only slower.
      if (this.#pin !== undefined) setAffinity(this.#tracee.tid, this.#pin);
    }
    this.#toSyscallStop();
    this.#toSyscallStop();
    this.#tracee.request(PTRACE.GETREGS, 0, this.#work.memory.address);
    const result = Number(this.#work.getSigned('rax'));
    this.#observe?.(this.#tracee.tid, nr, args, result);
    return result;
  }

  /** Memory of the task; {@link data} is the place for it. */
  read(address: number, length: number): Uint8Array {
    return this.#tracee.read(address, length);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#tracee.write(address, bytes);
  }

  [Symbol.dispose](): void {
    try {
      if (this.#begun) this.#giveBack();
      this.#tracee.write(this.#code.scratch, this.#saved);
    } catch (error) {
      // Whoever wants something of the task next is told; here it would only hide why we are here.
      if (!(error instanceof TraceeDied)) throw error;
    }
  }

  #giveBack(): void {
    // The order makes every moment safe: the interrupt keeps the task from user space and makes the kernel see to
    // the interrupted call; mask and affinity before the registers, as the frames would bring them back.
    this.#tracee.interrupt();
    if (this.#pin !== undefined) setAffinity(this.#tracee.tid, this.#affinity);
    this.#tracee.setSigmask(this.#sigmask);
    this.#tracee.setRegisters(this.#original);
    this.#tracee.resume(PTRACE.CONT);
    const stop = this.#tracee.wait();
    if (stop.kind !== 'trap' && stop.kind !== 'group-stop') this.#tracee.unexpected(stop, 'the stop after a remote call');
  }

  /**
   * What to write where. In the end the task has its own context; where we pin it, a frame before that has it give
   * itself its affinity back.
   */
  #crashFrames(trampoline: number): [at: number, frame: Uint8Array][] {
    const { scratch, syscall } = this.#code;
    const context = (at: number): Uint8Array => {
      const registers = resolveRestartAnew(this.#original, this.#restartedCall());
      return crashFrame(at, trampoline, { registers, sigmask: this.#sigmask, xstate: signalXstate(this.#tracee.getXstate()) });
    };
    if (this.#pin === undefined) return [[scratch, context(scratch)]];
    const own = scratch + OWN_FRAME;
    const affinity = this.#work.clone();
    affinity.set('rip', syscall);
    affinity.set('rax', SYS.sched_setaffinity);
    affinity.set('origRax', -1n);
    affinity.set('rdi', 0);
    affinity.set('rsi', this.#affinity.length);
    affinity.set('rdx', scratch + CRASH_FRAME_HEAD);
    affinity.set('rsp', own);
    return [
      [own, context(own)],
      [scratch + CRASH_FRAME_HEAD, this.#affinity],
      [scratch, crashFrame(scratch, trampoline, { registers: affinity, sigmask: ALL_SIGNALS })],
    ];
  }

  #restartedCall(): number | undefined {
    if (this.#original.getSigned('origRax') !== BigInt(SYS.restart_syscall)) return undefined;
    try {
      return numberOfSyscall(this.#tracee.read(Number(this.#original.get('rip')) - NUMBERED_SYSCALL_LENGTH, NUMBERED_SYSCALL_LENGTH));
    } catch (error) {
      if (error instanceof SyscallFailed) return undefined;
      throw error;
    }
  }

  #toSyscallStop(): void {
    for (let signal = 0; ; ) {
      this.#tracee.resume(PTRACE.SYSCALL, signal);
      signal = 0;
      const stop = this.#tracee.wait();
      if (stop.kind === 'syscall') return;
      // No mask keeps it away: the process is in a group-stop from here on, which our calls don't mind.
      if (stop.kind === 'signal' && stop.signal === SIG.STOP) signal = stop.signal;
      // A group-stop that began meanwhile, and the trap of an interrupt that was still due, show themselves once.
      else if (stop.kind !== 'group-stop' && stop.kind !== 'trap') this.#tracee.unexpected(stop, 'a system call stop');
    }
  }
}

function affinityOf({ tid }: Tracee): CpuMask {
  try {
    return getAffinity(tid);
  } catch (error) {
    if (error instanceof SyscallFailed && error.errno === ERRNO.ESRCH) throw new TraceeDied(tid, 'the task is gone');
    throw error;
  }
}

function hasSeccomp({ pid, tid }: Tracee): boolean {
  try {
    return !/^Seccomp:\s+0$/m.test(readProcText(threadOf(pid, tid), 'status'));
  } catch (error) {
    if (error instanceof ProcessGone) throw new TraceeDied(tid, 'the task is gone');
    throw error;
  }
}
