import { PTRACE, SYS } from '@criu-ts/kernel/abi';
import { type CpuMask, getAffinity, setAffinity, type SyscallArg } from '@criu-ts/kernel/sys';
import { type BorrowedCode, SCRATCH_DATA, SCRATCH_SIZE } from './borrowed-code.js';
import { CRASH_FRAME_HEAD, crashFrame, resolveRestart } from './crash-frame.js';
import type { Registers } from './registers.js';
import type { Tracee } from './tracee.js';

const ALL_SIGNALS = 0xffff_ffff_ffff_ffffn;
/** Room for a CPU mask between the two crash frames. */
const AFFINITY_SIZE = 1024;
/** Calls go through registers only; a wider result than 2^53 is never asked for. */
const ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'] as const;

/** Told of every remote call: number, arguments, result or negated errno. */
export type SyscallObserver = (tid: number, nr: number, args: readonly SyscallArg[], result: number) => void;

/**
 * System calls that a stranger makes for us, with instructions of its own ({@link BorrowedCode}): nothing is mapped.
 * While an object of this class lives the task has our registers, and all signals blocked; disposing of it gives back
 * registers, mask and the scratch bytes. If we die at any moment the task returns to its own context by itself.
 * Signals that arrive meanwhile stay pending; a group-stop takes hold when the task is let go.
 */
export class RemoteSyscalls implements Disposable {
  /** Address of 4 KiB in the task, for what calls read and write. */
  readonly data: number;
  static readonly dataSize = SCRATCH_SIZE - SCRATCH_DATA;

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

  /**
   * @param tracee stopped, not in the middle of entering a system call
   * @param options `pin`: the CPU that we run on: a call is 5 times faster when the task shares it with us
   */
  constructor(tracee: Tracee, code: BorrowedCode, options: { readonly observe?: SyscallObserver; readonly pin?: CpuMask } = {}) {
    this.#tracee = tracee;
    this.#code = code;
    this.#observe = options.observe;
    this.#pin = options.pin;
    this.#affinity = getAffinity(tracee.tid);
    this.data = code.scratch + SCRATCH_DATA;
    this.#original = tracee.getRegisters();
    this.#sigmask = tracee.getSigmask();
    this.#saved = tracee.read(code.scratch, SCRATCH_SIZE);
    this.#work = this.#original.clone();
    this.#work.set('rsp', code.scratch);
    if (code.sigreturn !== undefined) this.#writeCrashFrames(code.sigreturn);
  }

  /** The result, or the negated errno. */
  call(nr: number, ...args: readonly SyscallArg[]): number {
    const { signed } = this.#work;
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
    const result = Number(signed[10]);
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
    if (!this.#begun) {
      this.#tracee.write(this.#code.scratch, this.#saved);
      return;
    }
    // The order makes every moment safe: the interrupt keeps the task from user space and makes the kernel see to
    // the interrupted call; mask and affinity before the registers, as the frames would bring them back.
    this.#tracee.interrupt();
    if (this.#pin !== undefined) setAffinity(this.#tracee.tid, this.#affinity);
    this.#tracee.setSigmask(this.#sigmask);
    this.#tracee.setRegisters(this.#original);
    this.#tracee.resume(PTRACE.CONT);
    const stop = this.#tracee.wait();
    if (stop.kind !== 'trap' && stop.kind !== 'group-stop') this.#tracee.unexpected(stop, 'the stop after a remote call');
    this.#tracee.write(this.#code.scratch, this.#saved);
  }

  /** Two frames: the first has the task give itself its affinity back, the second is its own context. */
  #writeCrashFrames(trampoline: number): void {
    const { scratch, syscall } = this.#code;
    const own = scratch + CRASH_FRAME_HEAD + AFFINITY_SIZE;
    const affinity = this.#work.clone();
    affinity.set('rip', syscall);
    affinity.set('rax', SYS.sched_setaffinity);
    affinity.set('rdi', 0);
    affinity.set('rsi', this.#affinity.length);
    affinity.set('rdx', scratch + CRASH_FRAME_HEAD);
    affinity.set('rsp', own);
    this.#tracee.write(scratch, crashFrame(scratch, trampoline, { registers: affinity, sigmask: ALL_SIGNALS }));
    this.#tracee.write(scratch + CRASH_FRAME_HEAD, this.#affinity);
    const context = { registers: resolveRestart(this.#original), sigmask: this.#sigmask, xstate: this.#tracee.getXstate() };
    this.#tracee.write(own, crashFrame(own, trampoline, context));
  }

  #toSyscallStop(): void {
    for (;;) {
      this.#tracee.resume(PTRACE.SYSCALL);
      const stop = this.#tracee.wait();
      if (stop.kind === 'syscall') return;
      // A group-stop that began meanwhile, and the trap of an interrupt that was still due, show themselves once.
      if (stop.kind !== 'group-stop' && stop.kind !== 'trap') this.#tracee.unexpected(stop, 'a system call stop');
    }
  }
}
