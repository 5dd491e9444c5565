import type { KCMP } from '../abi/kcmp.js';
import { SYS } from '../abi/syscalls.js';
import { libcFunction, rawSyscall, sys, SyscallFailed, type SyscallArg } from './libc.js';
import { Memory, pathBytes, scratch } from './memory.js';
import { OwnedFd } from './owned-fd.js';

/** ptrace(2); throws. `data` is an integer or an address of ours, as the request says. */
export function ptrace(request: number, tid: number, address: SyscallArg = 0, data: SyscallArg = 0): void {
  sys(SYS.ptrace, request, tid, address, data);
}

/** As {@link ptrace}, but a negated errno instead of an exception: ESRCH tells of a tracee that died. */
export function tryPtrace(request: number, tid: number, address: SyscallArg = 0, data: SyscallArg = 0): number {
  return rawSyscall(SYS.ptrace, request, tid, address, data);
}

const statusAt = new Memory(64);

/**
 * wait4(2) for one task; never for "any", which would steal the exits of children that others wait for.
 * @returns the raw status; undefined where WNOHANG found nothing; a negated errno where the wait failed
 */
export function wait4(pid: number, options: number): { readonly status: number } | { readonly errno: number } | undefined {
  for (;;) {
    const result = rawSyscall(SYS.wait4, pid, statusAt.address, options, 0);
    if (result === 0) return undefined;
    if (result > 0) return { status: statusAt.view.getInt32(0, true) };
    if (result !== -4) return { errno: -result };
  }
}

/** tgkill(2) with signal 0 asks only; the result or a negated errno. */
export function tgkill(pid: number, tid: number, signal: number): number {
  return rawSyscall(SYS.tgkill, pid, tid, signal);
}

/** kill(2); the result or a negated errno. */
export function kill(pid: number, signal: number): number {
  return rawSyscall(SYS.kill, pid, signal);
}

/** pidfd_open(2). @param flags PIDFD.* */
export function pidfdOpen(pid: number, flags = 0): OwnedFd {
  return new OwnedFd(sys(SYS.pidfd_open, pid, flags));
}

/** pidfd_getfd(2): a duplicate, ours, of a descriptor of another process. */
export function pidfdGetfd(pidfd: OwnedFd, remote: number): OwnedFd {
  return new OwnedFd(sys(SYS.pidfd_getfd, pidfd.number, remote, 0));
}

/** pidfd_send_signal(2); the result or a negated errno. */
export function pidfdSendSignal(pidfd: OwnedFd, signal: number): number {
  return rawSyscall(SYS.pidfd_send_signal, pidfd.number, signal, 0, 0);
}

const iovecs = new Memory(32);

function setIovecs(local: number, remote: number, length: number): void {
  iovecs.view.setBigUint64(0, BigInt(local), true);
  iovecs.view.setBigUint64(8, BigInt(length), true);
  iovecs.view.setBigUint64(16, BigInt(remote), true);
  iovecs.view.setBigUint64(24, BigInt(length), true);
}

/** process_vm_readv(2) of one range into memory of ours; bytes read (short at an unreadable page) or a negated errno. */
export function processVmRead(pid: number, remote: number, local: number, length: number): number {
  setIovecs(local, remote, length);
  return rawSyscall(SYS.process_vm_readv, pid, iovecs.address, 1, iovecs.address + 16, 1, 0);
}

/** process_vm_writev(2) of one range; bytes written (short at an unwritable page) or a negated errno. */
export function processVmWrite(pid: number, remote: number, local: number, length: number): number {
  setIovecs(local, remote, length);
  return rawSyscall(SYS.process_vm_writev, pid, iovecs.address, 1, iovecs.address + 16, 1, 0);
}

/** kcmp(2): 0 equal, 1 less, 2 greater, 3 different and unordered; a negated errno. */
export function kcmp(pidA: number, pidB: number, type: (typeof KCMP)[keyof typeof KCMP], a: number, b: number): number {
  return rawSyscall(SYS.kcmp, pidA, pidB, type, a, b);
}

/** A set of CPUs as sched_setaffinity(2) takes it. */
export type CpuMask = Uint8Array;

/** sched_getaffinity(2) of a thread; 0 is the caller's. */
export function getAffinity(tid: number): CpuMask {
  const size = sys(SYS.sched_getaffinity, tid, 1024, scratch.address);
  return scratch.bytes.slice(0, size);
}

/** sched_setaffinity(2); the result or a negated errno. */
export function setAffinity(tid: number, mask: CpuMask): number {
  scratch.bytes.set(mask);
  return rawSyscall(SYS.sched_setaffinity, tid, mask.length, scratch.address);
}

const posixSpawn = libcFunction('int posix_spawn(void *pid, void *path, void *actions, void *attributes, void *argv, void *envp)');

/**
 * posix_spawn(3): a child of ours that libuv knows nothing of, so that its stops and its exit are ours to wait for.
 * @returns its pid
 * @throws SyscallFailed; RangeError where path, arguments and environment are more than 64 KiB
 */
export function spawn(path: string, argv: readonly string[], envp: readonly string[]): number {
  const pidSize = 8;
  const pathAt = pidSize + 8 * (argv.length + 1 + envp.length + 1);
  let offset = pathAt;
  const put = (text: string): number => {
    const address = scratch.putString(text, offset);
    offset += pathBytes(text).length + 1;
    return address;
  };
  const vector = (at: number, texts: readonly string[]): number => {
    texts.forEach((text, i) => scratch.view.setBigUint64(at + 8 * i, BigInt(put(text)), true));
    scratch.view.setBigUint64(at + 8 * texts.length, 0n, true);
    return scratch.address + at;
  };
  const file = put(path);
  const argvAt = vector(pidSize, argv);
  const envpAt = vector(pidSize + 8 * (argv.length + 1), envp);
  const errno = posixSpawn(scratch.address, file, null, null, argvAt, envpAt) as number;
  if (errno !== 0) throw new SyscallFailed(`posix_spawn("${path}")`, errno);
  return scratch.view.getInt32(0, true);
}
