import koffi from 'koffi';
import { errnoName } from '../abi/errno.js';
import { syscallName } from '../abi/syscalls.js';

/** What a register of a system call can be given: user addresses lie below 2^47, so a number holds them exactly. */
export type SyscallArg = number | bigint;

type Syscall = (nr: number, a: SyscallArg, b: SyscallArg, c: SyscallArg, d: SyscallArg, e: SyscallArg, f: SyscallArg) => number | bigint;

const libc = koffi.load('libc.so.6');
/** syscall(2). Variadic in C; on x86-64 integer arguments travel alike either way. */
const syscall = libc.func('long syscall(long, long, long, long, long, long, long)') as unknown as Syscall & {
  async: (...args: [...Parameters<Syscall>, (error: Error | null, result: number | bigint) => void]) => void;
};

/** A system call of ours that failed. `errno` is positive, `errnoName` such as `ENOSPC`. */
export class SyscallFailed extends Error {
  override readonly name = 'SyscallFailed';
  readonly errno: number;
  readonly errnoName: string;

  /** @param call the call as strace would write it, without the result: `openat(-100, "/x", 0x80000)` */
  constructor(call: string, errno: number) {
    super(`${call} = ${errnoName(errno)}`);
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}

/** The raw call: its result, or the negated errno. Results above 2^53 come out rounded; no call of ours returns such. */
export function rawSyscall(nr: number, a: SyscallArg = 0, b: SyscallArg = 0, c: SyscallArg = 0, d: SyscallArg = 0, e: SyscallArg = 0, f: SyscallArg = 0): number {
  const result = syscall(nr, a, b, c, d, e, f);
  // errno must be read before anything else is called.
  return result === -1 ? -koffi.errno() : Number(result);
}

/** The call's result; throws {@link SyscallFailed}. */
export function sys(nr: number, a: SyscallArg = 0, b: SyscallArg = 0, c: SyscallArg = 0, d: SyscallArg = 0, e: SyscallArg = 0, f: SyscallArg = 0): number {
  const result = rawSyscall(nr, a, b, c, d, e, f);
  if (result < 0) throw new SyscallFailed(describeCall(nr, [a, b, c, d, e, f]), -result);
  return result;
}

/**
 * The call on a thread of koffi's pool; never for ptrace(2), which is bound to the thread that attached.
 * @returns the result or the negated errno (EIO where the pool's thread lost it)
 */
export function poolSyscall(nr: number, a: SyscallArg = 0, b: SyscallArg = 0, c: SyscallArg = 0, d: SyscallArg = 0, e: SyscallArg = 0, f: SyscallArg = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    syscall.async(nr, a, b, c, d, e, f, (error, result) => {
      if (error) reject(error);
      else resolve(result === -1 ? -(koffi.errno() || 5) : Number(result));
    });
  });
}

/** `name(arg, …)`, numbers in hexadecimal from 4096 on. */
export function describeCall(nr: number, args: readonly SyscallArg[]): string {
  return `${syscallName(nr)}(${args.map((arg) => (arg > 4095 ? `0x${arg.toString(16)}` : String(arg))).join(', ')})`;
}

/**
 * Address of the bytes of a view. Only for memory outside of V8's heap: an ArrayBuffer of ours, never a small
 * typed array made by itself; see {@link Memory}.
 */
export function addressOf(bytes: ArrayBuffer | SharedArrayBuffer | ArrayBufferView): number {
  const target = bytes instanceof SharedArrayBuffer ? new Uint8Array(bytes) : bytes;
  return Number(koffi.address(target));
}

/** The memory at an address as an ArrayBuffer: no copy, no check. Keep it alive no longer than the mapping. */
export function viewAt(address: number, length: number): ArrayBuffer {
  return koffi.view(BigInt(address), length);
}

/** Another function of the C library, by its declaration in C. */
export function libcFunction(declaration: string): (...args: readonly unknown[]) => unknown {
  return libc.func(declaration);
}
