// fcntl(2) F_SETFL.
import { F, O } from '@criu-ts/kernel/abi';
import { fcntl, type OwnedFd, SyscallFailed } from '@criu-ts/kernel/sys';

/** O_ASYNC, which glibc's O table lacks on some hosts (asm-generic/fcntl.h FASYNC). */
const O_ASYNC = 0o20000;
/** What F_SETFL can change (fs/fcntl.c SETFL_MASK). */
export const SETTABLE = O.APPEND | O.NONBLOCK | O.DIRECT | O.NOATIME | O_ASYNC;

/**
 * Puts the changeable flags on, and checks that the kernel took them: some it drops in silence. Where it does not, the file
 * is closed: it is being made, and nobody else has it yet.
 */
export function setFlags(fd: OwnedFd, flags: number): void {
  try {
    set(fd, flags);
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

function set(fd: OwnedFd, flags: number): void {
  const before = fcntl(fd, F.GETFL);
  const wanted = (before & ~SETTABLE) | (flags & SETTABLE);
  if (wanted === before) return;
  fcntl(fd, F.SETFL, wanted);
  const after = fcntl(fd, F.GETFL);
  if (after !== wanted) throw new SyscallFailed(`fcntl(F_SETFL, 0${wanted.toString(8)}), the flags are 0${after.toString(8)}`, 22);
}
