import { NT, P, PTRACE, SYS, W, WAIT } from '@criu-ts/kernel/abi';
import { ProcessGone, readStat, threadOf } from '@criu-ts/kernel/procfs';
import { Memory, processVmRead, processVmWrite, rawSyscall, SyscallFailed, describeCall, tryPtrace, wait4, type SyscallArg } from '@criu-ts/kernel/sys';
import { TraceeDied, UnexpectedStop } from './errors.js';
import { Registers } from './registers.js';
import { parseWaitStatus, type WaitStatus } from './wait-status.js';

/** A task that still exists, and why it stands still. */
export type Stop = Exclude<WaitStatus, { kind: 'exited' | 'killed' }>;

const ESRCH = 3;
const SIGINFO_SIZE = 128;
const SI_PID = 12;
/** Looks at a task before it is worth a sleep; on one CPU it has run meanwhile. */
const SPINS = 50;
/** Nobody ever wakes it: a sleep. */
const never = new Int32Array(new SharedArrayBuffer(4));
/** Room for any XSAVE area: AMX makes it 11 KiB. */
const xstate = new Memory(32 * 1024);
const transfer = new Memory(64 * 1024);
const small = new Memory(256);

/**
 * A thread under our ptrace (PTRACE_SEIZE: no signal is used up, a group-stop survives). All methods but
 * {@link interrupt} need it stopped. Whichever of them finds it dead throws {@link TraceeDied}.
 */
export class Tracee {
  readonly pid: number;
  readonly tid: number;
  readonly #registers = new Registers();

  private constructor(pid: number, tid: number) {
    this.pid = pid;
    this.tid = tid;
  }

  /** PTRACE_SEIZE: the task runs on. @param options PTRACE_O_* */
  static seize(pid: number, tid: number, options: number): Tracee {
    const tracee = new Tracee(pid, tid);
    tracee.request(PTRACE.SEIZE, 0, options);
    return tracee;
  }

  /** A task that became our tracee by being born to one (PTRACE_O_TRACECLONE and its like). */
  static born(pid: number, tid: number): Tracee {
    return new Tracee(pid, tid);
  }

  /** ptrace(2) on this task. */
  request(request: number, address: SyscallArg = 0, data: SyscallArg = 0): void {
    const result = tryPtrace(request, this.tid, address, data);
    if (result === -ESRCH) throw new TraceeDied(this.tid, 'the task is gone, or runs');
    if (result < 0) throw new SyscallFailed(describeCall(SYS.ptrace, [request, this.tid, address, data]), -result);
  }

  /** Asks for a stop; {@link wait} sees it. */
  interrupt(): void {
    this.request(PTRACE.INTERRUPT);
  }

  /**
   * Whether it stands still under our hands, in a stop that we saw: false where it runs, died, or another thread has its
   * id by execve(2). That one, our tracee too, may stand as well: its stop is news.
   */
  get held(): boolean {
    if (tryPtrace(PTRACE.GETEVENTMSG, this.tid, 0, small.address) !== 0) return false;
    return this.tid !== this.pid || !this.#hasNews();
  }

  /** Whether {@link poll} would have something to tell. */
  #hasNews(): boolean {
    small.bytes.fill(0, 0, SIGINFO_SIZE);
    return rawSyscall(SYS.waitid, P.PID, this.tid, small.address, W.STOPPED | W.EXITED | W.NOHANG | W.NOWAIT | WAIT.ALL, 0) !== 0 || small.view.getInt32(SI_PID, true) !== 0;
  }

  /** The stop that it is in and that nobody has seen yet; undefined: none. @throws TraceeDied once it has been seen off */
  poll(): Stop | undefined {
    const waited = wait4(this.tid, WAIT.ALL | W.NOHANG);
    return waited === undefined ? undefined : this.#stop(waited);
  }

  /** Waits for the next stop. @throws TraceeDied */
  wait(): Stop {
    for (let round = 0; round < SPINS; round++) {
      const stop = this.poll();
      if (stop !== undefined) return stop;
      rawSyscall(SYS.sched_yield);
    }
    return this.#endHides() ? (this.waitUntil(Infinity) as Stop) : this.#stop(wait4(this.tid, WAIT.ALL));
  }

  /** As {@link wait}, but gives up at a moment of `performance.now()`: undefined. */
  waitUntil(deadline: number): Stop | undefined {
    // A stop is a matter of microseconds; only what takes longer (a disk, a vfork) is worth a sleep.
    for (let round = 0; ; round++) {
      const stop = this.poll();
      if (stop !== undefined) return stop;
      if (performance.now() > deadline) return undefined;
      if (round < SPINS) {
        rawSyscall(SYS.sched_yield);
        continue;
      }
      if (this.tid === this.pid && this.#stat()?.state === 'Z') throw new TraceeDied(this.tid, 'the task was killed');
      Atomics.wait(never, 0, 0, 1);
    }
  }

  /**
   * The end of a main thread is not reported while another thread of its process is left, be it a zombie that waits
   * for its tracer, us (kernel/exit.c, delay_group_leader): a wait without end.
   */
  #endHides(): boolean {
    return this.tid === this.pid && (this.#stat()?.numThreads ?? 0) > 1;
  }

  #stat(): ReturnType<typeof readStat> | undefined {
    try {
      return readStat(threadOf(this.pid, this.tid));
    } catch (error) {
      if (error instanceof ProcessGone) return undefined;
      throw error;
    }
  }

  #stop(waited: ReturnType<typeof wait4>): Stop {
    if (waited === undefined || 'errno' in waited) throw new TraceeDied(this.tid, 'the task is gone');
    const status = parseWaitStatus(waited.status);
    if (status.kind === 'exited') throw new TraceeDied(this.tid, `the task exited with code ${status.code}`);
    if (status.kind === 'killed') throw new TraceeDied(this.tid, `the task was killed by signal ${status.signal}`);
    return status;
  }

  /** Resumes with `request` (PTRACE.CONT, PTRACE.SYSCALL). @param signal delivered first, 0 for none */
  resume(request: number, signal = 0): void {
    this.request(request, 0, signal);
  }

  /** Lets it go; it runs on, or stays in its group-stop. */
  detach(signal = 0): void {
    this.request(PTRACE.DETACH, 0, signal);
  }

  /** A fresh copy of the general registers. */
  getRegisters(): Registers {
    return this.readRegisters().clone();
  }

  /** The general registers in a buffer that the next call overwrites. */
  readRegisters(): Registers {
    this.request(PTRACE.GETREGS, 0, this.#registers.memory.address);
    return this.#registers;
  }

  setRegisters(registers: Registers): void {
    this.request(PTRACE.SETREGS, 0, registers.memory.address);
  }

  /** The XSAVE area in the standard (not compacted) format, as NT_X86_XSTATE gives it. */
  getXstate(): Uint8Array {
    setIovec(xstate.address, xstate.size);
    this.request(PTRACE.GETREGSET, NT.X86_XSTATE, small.address);
    return xstate.bytes.slice(0, Number(small.view.getBigUint64(8, true)));
  }

  /** @param area as {@link getXstate} gives it; its size must be the host's */
  setXstate(area: Uint8Array): void {
    xstate.bytes.set(area);
    setIovec(xstate.address, area.length);
    this.request(PTRACE.SETREGSET, NT.X86_XSTATE, small.address);
  }

  /** The blocked signals; bit n-1 is signal n. */
  getSigmask(): bigint {
    this.request(PTRACE.GETSIGMASK, 8, small.address);
    return small.view.getBigUint64(0, true);
  }

  setSigmask(mask: bigint): void {
    small.view.setBigUint64(0, mask, true);
    this.request(PTRACE.SETSIGMASK, 8, small.address);
  }

  /** The word that an event stop carries: a new task's id. */
  eventMessage(): number {
    this.request(PTRACE.GETEVENTMSG, 0, small.address);
    return Number(small.view.getBigUint64(0, true));
  }

  /** PTRACE_GET_RSEQ_CONFIGURATION: where struct rseq lies (0: not registered), its size, its signature. */
  rseqConfiguration(): { readonly address: number; readonly size: number; readonly signature: number } {
    this.request(PTRACE.GET_RSEQ_CONFIGURATION, 24, small.address);
    return { address: Number(small.view.getBigUint64(0, true)), size: small.view.getUint32(8, true), signature: small.view.getUint32(12, true) };
  }

  /** Queued signals, 128 bytes of siginfo each, in the order of the queue. @param shared the process's queue, not the thread's */
  peekSignals(shared: boolean): Uint8Array[] {
    const batch = 32;
    const signals: Uint8Array[] = [];
    for (;;) {
      small.view.setBigUint64(0, BigInt(signals.length), true);
      small.view.setUint32(8, shared ? 1 : 0, true);
      small.view.setInt32(12, batch, true);
      const count = tryPtrace(PTRACE.PEEKSIGINFO, this.tid, small.address, transfer.address);
      if (count === -ESRCH) throw new TraceeDied(this.tid, 'the task is gone, or runs');
      if (count < 0) throw new SyscallFailed('ptrace(PTRACE_PEEKSIGINFO)', -count);
      for (let i = 0; i < count; i++) signals.push(transfer.bytes.slice(i * 128, (i + 1) * 128));
      if (count < batch) return signals;
    }
  }

  /** Memory of the task. @throws SyscallFailed EFAULT where a part of it can't be read */
  read(address: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = processVmRead(this.tid, address + done, transfer.address, Math.min(transfer.size, length - done));
      if (count <= 0) this.#memoryFailed('process_vm_readv', address + done, length - done, -count);
      out.set(transfer.bytes.subarray(0, count), done);
      done += count;
    }
    return out;
  }

  /** @throws SyscallFailed EFAULT where a part of it can't be written */
  write(address: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + transfer.size);
      transfer.bytes.set(part);
      const count = processVmWrite(this.tid, address + done, transfer.address, part.length);
      if (count <= 0) this.#memoryFailed('process_vm_writev', address + done, part.length, -count);
      done += count;
    }
  }

  /** Throws for a stop that isn't of the kind that was asked for. */
  unexpected(status: WaitStatus, wanted: string): never {
    throw new UnexpectedStop(this.tid, `thread ${this.tid} stopped by ${JSON.stringify(status)} where ${wanted} was due`);
  }

  #memoryFailed(call: string, address: number, length: number, errno: number): never {
    if (errno === ESRCH) throw new TraceeDied(this.tid, 'the task is gone');
    throw new SyscallFailed(`${call}(${this.tid}, 0x${address.toString(16)}, ${length})`, errno === 0 ? 14 : errno);
  }
}

function setIovec(address: number, length: number): void {
  small.view.setBigUint64(0, BigInt(address), true);
  small.view.setBigUint64(8, BigInt(length), true);
}
