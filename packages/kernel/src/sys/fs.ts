import { SYS } from '../abi/syscalls.js';
import { AT, O } from '../abi/fcntl.js';
import { rawSyscall, sys, type SyscallArg } from './libc.js';
import { pathString, scratch } from './memory.js';
import { OwnedFd } from './owned-fd.js';

/** openat(2) relative to the working directory, with O_CLOEXEC. */
export function open(path: string, flags: number, mode = 0): OwnedFd {
  return new OwnedFd(sys(SYS.openat, AT.FDCWD, scratch.putString(path), flags | O.CLOEXEC, mode));
}

/** openat(2) relative to a directory, with O_CLOEXEC. */
export function openAt(directory: OwnedFd, path: string, flags: number, mode = 0): OwnedFd {
  return new OwnedFd(sys(SYS.openat, directory.number, scratch.putString(path), flags | O.CLOEXEC, mode));
}

/** pread(2) until `bytes` is full or the file ends; the number of bytes read. `address` is of memory of ours. */
export function preadFully(fd: OwnedFd, address: number, length: number, offset: number): number {
  let done = 0;
  while (done < length) {
    const count = sys(SYS.pread64, fd.number, address + done, length - done, offset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** pwrite(2) until all is written. */
export function pwriteFully(fd: OwnedFd, address: number, length: number, offset: number): void {
  let done = 0;
  while (done < length) done += sys(SYS.pwrite64, fd.number, address + done, length - done, offset + done);
}

/** readlinkat(2) of a path; bytes that are no UTF-8 come surrogate-escaped. */
export function readLink(path: string): string {
  const at = scratch.putString(path);
  const offset = 8192;
  const length = sys(SYS.readlink, at, scratch.address + offset, 4096);
  return pathString(scratch.bytes.slice(offset, offset + length));
}

/** memfd_create(2), close-on-exec. */
export function memfd(name: string, flags = 0): OwnedFd {
  return new OwnedFd(sys(SYS.memfd_create, scratch.putString(name), flags | 1));
}

/** fcntl(2) with an integer argument or the address of a struct. */
export function fcntl(fd: OwnedFd, command: number, arg: SyscallArg = 0): number {
  return sys(SYS.fcntl, fd.number, command, arg);
}

/** ioctl(2); `arg` is an integer or the address of a struct. */
export function ioctl(fd: OwnedFd, request: number, arg: SyscallArg = 0): number {
  return sys(SYS.ioctl, fd.number, request, arg);
}

/** As {@link ioctl}, but a negated errno instead of an exception. */
export function tryIoctl(fd: OwnedFd, request: number, arg: SyscallArg = 0): number {
  return rawSyscall(SYS.ioctl, fd.number, request, arg);
}
