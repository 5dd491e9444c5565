// How an interrupted system call goes on: signal(7), restart_syscall(2), arch/x86/kernel/signal.c
import { CLOCK, ERRNO, SA, SYS, timespec } from '@criu-ts/kernel/abi';
import type { RegisterName, Registers } from '@criu-ts/tracee';

/** What there is to know of a thread that was frozen in a system call. */
export interface Interruption {
  /** SA_* of the handler that runs first when the thread goes on; undefined: none does. */
  readonly handlerFlags?: bigint | undefined;
  /** For so many ms at least it had been waiting; undefined: nobody knows. */
  readonly waitedMs?: number | undefined;
  /** Which call restart_syscall(2) stood for, where that was seen before. */
  readonly restarted?: number | undefined;
  /** Only calls may be made that the program makes itself: it has a seccomp filter. */
  readonly filtered?: boolean | undefined;
  /** Memory of the thread; undefined where it can't be read. */
  read(address: number, length: number): Uint8Array | undefined;
}

const SYSCALL_LENGTH = 2n;
const MAX_INT = 0x7fff_ffff;

/**
 * Registers for an image: a copy, with what becomes of the interrupted call worked in. Without us the kernel does it,
 * but in another process it can't, and it never continues a call with -EINTR: our stop must not be felt by a program
 * that has no handler for it. A wait is made again, with the time that is left where that can be said: never less.
 * orig_rax stays what it was, as in CRIU's images.
 */
export function resumeRegisters(registers: Registers, how: Interruption): Registers {
  const out = registers.clone();
  const nr = Number(registers.getSigned('origRax'));
  if (nr < 0) return out;
  const handler = how.handlerFlags !== undefined;
  switch (Number(-registers.getSigned('rax'))) {
    case ERRNO.ERESTARTNOINTR:
      return again(out, nr);
    case ERRNO.ERESTARTSYS:
      return handler && (how.handlerFlags & BigInt(SA.RESTART)) === 0n ? interrupted(out) : again(out, nr);
    case ERRNO.ERESTARTNOHAND:
      return handler ? interrupted(out) : again(out, nr);
    case ERRNO.ERESTART_RESTARTBLOCK: {
      const call = nr === SYS.restart_syscall ? (restartedCall(registers, how) ?? how.restarted) : nr;
      const adjust = call === undefined ? undefined : RESTART_BLOCK.get(call);
      return handler || call === undefined || adjust === undefined ? interrupted(out) : adjust(again(out, call), how);
    }
    case ERRNO.EINTR:
      return handler ? out : (AFTER_EINTR.get(nr)?.(again(out, nr), how) ?? out);
    default:
      return out;
  }
}

/**
 * Registers for a thread that lives on after a dump; undefined: leave it alone, the kernel knows best. Made again are
 * calls that would end by -EINTR although no handler runs, and poll(2), where it is known how long it had waited:
 * else the next dump would find a restart_syscall(2) whose time nobody knows.
 */
export function resumeLiving(registers: Registers, how: Interruption): Registers | undefined {
  const nr = Number(registers.getSigned('origRax'));
  const error = Number(-registers.getSigned('rax'));
  if (nr < 0 || how.handlerFlags !== undefined) return undefined;
  const mend = error === ERRNO.EINTR ? AFTER_EINTR.has(nr) : error === ERRNO.ERESTART_RESTARTBLOCK && nr === SYS.poll && how.waitedMs !== undefined;
  if (!mend) return undefined;
  const out = resumeRegisters(registers, how);
  out.set('origRax', -1n);
  return out;
}

type Adjust = (out: Registers, how: Interruption) => Registers;
const asItWas: Adjust = (out) => out;

/** The kernel would continue these by restart_syscall(2), with a time that only it knows. */
const RESTART_BLOCK: ReadonlyMap<number, Adjust> = new Map([
  [SYS.poll, lessMs('rdx')],
  [SYS.nanosleep, (out, how) => sleepOn(out, how, { request: 'rdi', remaining: 'rsi', clock: CLOCK.MONOTONIC })],
  [SYS.clock_nanosleep, (out, how) => sleepOn(out, how, { request: 'rdx', remaining: 'r10', clock: Number(BigInt.asIntN(32, out.get('rdi'))) })],
  // FUTEX_WAIT_BITSET's time is absolute; FUTEX_WAIT's is begun anew, as there is no memory to put less of it.
  [SYS.futex, asItWas],
]);

/** The kernel ends these by -EINTR for any interruption; they had done nothing yet, so they can be made again. */
const AFTER_EINTR: ReadonlyMap<number, Adjust> = new Map([
  [SYS.epoll_wait, lessMs('r10')],
  [SYS.epoll_pwait, lessMs('r10')],
  [SYS.epoll_pwait2, epollMs],
  // inotify(7)
  [SYS.read, asItWas],
  [SYS.readv, asItWas],
  // Sockets with SO_RCVTIMEO or SO_SNDTIMEO
  [SYS.recvfrom, asItWas],
  [SYS.recvmsg, asItWas],
  [SYS.recvmmsg, asItWas],
  [SYS.sendto, asItWas],
  [SYS.sendmsg, asItWas],
  [SYS.accept, asItWas],
  [SYS.accept4, asItWas],
  [SYS.connect, asItWas],
  [SYS.semop, asItWas],
  [SYS.semtimedop, asItWas],
  [SYS.rt_sigtimedwait, asItWas],
  [SYS.io_getevents, asItWas],
  [SYS.io_pgetevents, asItWas],
  [SYS.io_uring_enter, asItWas],
]);

function again(out: Registers, nr: number): Registers {
  out.set('rax', nr);
  out.set('rip', out.get('rip') - SYSCALL_LENGTH);
  return out;
}

function interrupted(out: Registers): Registers {
  out.set('rax', -ERRNO.EINTR);
  return out;
}

/** A timeout in ms in a register; negative: none. */
function lessMs(register: RegisterName): Adjust {
  return (out, { waitedMs }) => {
    const timeout = Number(BigInt.asIntN(32, out.get(register)));
    if (timeout > 0 && waitedMs !== undefined) out.set(register, Math.max(0, timeout - Math.floor(waitedMs)));
    return out;
  };
}

/** Clocks that run as poll's does, or nearly so. */
const POLL_CLOCKS: ReadonlySet<number> = new Set([CLOCK.REALTIME, CLOCK.MONOTONIC, CLOCK.BOOTTIME, CLOCK.TAI]);

/**
 * nanosleep(2): what is left of it the kernel has written to `remaining`, where that was given: it becomes the request.
 * Where not, a poll(2) of nothing sleeps for the time that is left, and ends in the same way, signals included.
 */
function sleepOn(out: Registers, how: Interruption, { request, remaining, clock }: { readonly request: RegisterName; readonly remaining: RegisterName; readonly clock: number }): Registers {
  if (out.get(remaining) !== 0n) {
    out.set(request, out.get(remaining));
    return out;
  }
  const total = readMs(how, out.get(request));
  if (total === undefined || how.waitedMs === undefined || how.filtered === true || !POLL_CLOCKS.has(clock)) return out;
  const left = Math.ceil(Math.max(0, total - how.waitedMs));
  if (left > MAX_INT) return out;
  out.set('rax', SYS.poll);
  out.set('rdi', 0);
  out.set('rsi', 0);
  out.set('rdx', left);
  return out;
}

/** epoll_pwait2(2) is epoll_pwait(2) with a timespec. */
function epollMs(out: Registers, how: Interruption): Registers {
  const total = out.get('r10') === 0n ? undefined : readMs(how, out.get('r10'));
  if (total === undefined || how.waitedMs === undefined || how.filtered === true) return out;
  const left = Math.ceil(Math.max(0, total - how.waitedMs));
  if (left > MAX_INT) return out;
  out.set('rax', SYS.epoll_pwait);
  out.set('r10', left);
  return out;
}

function readMs(how: Interruption, address: bigint): number | undefined {
  const bytes = how.read(Number(address), timespec.size);
  if (bytes === undefined) return undefined;
  const { tv_sec, tv_nsec } = timespec.decode(bytes);
  return Number(tv_sec) * 1000 + Number(tv_nsec) / 1e6;
}

/** `mov $NR, %eax; syscall` or its longer form: which call the program made before the kernel put restart_syscall in its place. */
function restartedCall(registers: Registers, how: Interruption): number | undefined {
  const longest = 9;
  const code = how.read(Number(registers.get('rip')) - longest, longest);
  if (code === undefined || code[7] !== 0x0f || code[8] !== 0x05) return undefined;
  const short = code[2] === 0xb8;
  const long = code[0] === 0x48 && code[1] === 0xc7 && code[2] === 0xc0;
  return short || long ? new DataView(code.buffer, code.byteOffset).getUint32(3, true) : undefined;
}
