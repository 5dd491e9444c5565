import { CLOCK, SYS } from '@criu-ts/kernel/abi';
import { Memory, placeCode, sys } from '@criu-ts/kernel/sys';
import { reaperBase64 } from './gen/native.js';

/** Ours alone: neither the C library nor Node uses it (they have 32 to 34). */
const SIGNAL = 62;
/** SA_SIGINFO | SA_RESTART | SA_RESTORER (asm/signal.h) */
const FLAGS = 0x1400_0004;
const HANDLER_OFFSET = 16;
const SIGEV_THREAD_ID = 4;
/** ms between two rounds */
const PERIOD = 5;
const CAPACITY = 16 * 1024;

/**
 * Takes note of the end of tracees while we are blocked in a system call. PTRACE_SEIZE waits for an execve(2) of the
 * process to end, and that waits until all threads that it kills are seen off by their tracer: by us, who are blocked
 * (kernel/ptrace.c, ptrace_attach: cred_guard_mutex; fs/exec.c, de_thread). So a timer's signal handler does it.
 */
class Reaper {
  readonly #list = new Memory(4 * (CAPACITY + 1));
  readonly #times = new Memory(64);
  readonly #timer: number;

  constructor() {
    const code = placeCode(Buffer.from(reaperBase64, 'base64'));
    const action = new Memory(32);
    action.view.setBigUint64(0, BigInt(code + HANDLER_OFFSET), true);
    action.view.setBigUint64(8, BigInt(FLAGS), true);
    action.view.setBigUint64(16, BigInt(code), true);
    sys(SYS.rt_sigaction, SIGNAL, action.address, 0, 8);
    const event = new Memory(72);
    event.view.setBigUint64(0, BigInt(this.#list.address), true);
    event.view.setInt32(8, SIGNAL, true);
    event.view.setInt32(12, SIGEV_THREAD_ID, true);
    event.view.setInt32(16, sys(SYS.gettid), true);
    sys(SYS.timer_create, CLOCK.MONOTONIC, event.address, event.address + 64);
    this.#timer = event.view.getInt32(64, true);
  }

  during<T>(tids: readonly number[], call: () => T): T {
    const listed = tids.slice(0, CAPACITY);
    listed.forEach((tid, i) => this.#list.view.setInt32(4 * (i + 1), tid, true));
    this.#list.view.setInt32(0, listed.length, true);
    this.#arm(PERIOD);
    try {
      return call();
    } finally {
      this.#arm(0);
    }
  }

  /** @param period 0: never */
  #arm(period: number): void {
    const nanoseconds = BigInt(period) * 1_000_000n;
    this.#times.view.setBigUint64(8, nanoseconds, true);
    this.#times.view.setBigUint64(24, nanoseconds, true);
    sys(SYS.timer_settime, this.#timer, 0, this.#times.address, 0);
  }
}

let reaper: Reaper | undefined;

/** Makes a call; those of the threads that end meanwhile are seen off, should it take longer. */
export function whileSeeingOff<T>(tids: readonly number[], call: () => T): T {
  return tids.length === 0 ? call() : (reaper ??= new Reaper()).during(tids, call);
}
