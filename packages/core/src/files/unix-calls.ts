// Calls on unix sockets: unix(7), socketpair(2), bind(2), connect(2), accept(2). A name is what stands in sun_path: a
// path with its NUL, or NUL and whatever follows (abstract); empty: none.
import { AF, SOCK, SYS } from '@criu-ts/kernel/abi';
import { Memory, OwnedFd, pathBytes, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';

export type UnixName = Uint8Array;

const memory = new Memory(4096);
const LENGTH = 1024;
const { view, bytes } = memory;
const ENOTCONN = 107;
const ENOENT = 2;
const SUN_PATH = 2;
const SUN_PATH_SIZE = 108;
const SIOCUNIXFILE = 0x89e0;

export const isPath = (name: UnixName): boolean => name.length > 0 && name[0] !== 0;

/** For people: `/run/x.sock`, `@abstract`. */
export function nameText(name: UnixName): string {
  const text = Buffer.from(isPath(name) ? withoutNul(name) : name.subarray(1)).toString('utf8');
  return isPath(name) ? text : `@${text.replaceAll('\0', '@')}`;
}

export const sameName = (a: UnixName, b: UnixName): boolean => Buffer.compare(a, b) === 0;

/** A path's bytes; the kernel adds the NUL, which may stand beyond sun_path. */
export function withoutNul(name: UnixName): Uint8Array {
  const end = name.indexOf(0);
  return end < 0 ? name : name.subarray(0, end);
}

/** @returns the address's length; it stands at the memory's start */
function putAddress(name: UnixName): number {
  const path = isPath(name) ? withoutNul(name) : name;
  if (path.length > SUN_PATH_SIZE) throw new RangeError(`a unix name of ${path.length} bytes`);
  bytes.fill(0, 0, SUN_PATH + SUN_PATH_SIZE);
  view.setUint16(0, AF.UNIX, true);
  bytes.set(path, SUN_PATH);
  return SUN_PATH + path.length;
}

export function socketpair(type: number): [OwnedFd, OwnedFd] {
  sys(SYS.socketpair, AF.UNIX, type | SOCK.CLOEXEC, 0, memory.address);
  return [new OwnedFd(view.getInt32(0, true)), new OwnedFd(view.getInt32(4, true))];
}

export function bindName(fd: OwnedFd, name: UnixName): void {
  const result = rawSyscall(SYS.bind, fd.number, memory.address, putAddress(name));
  if (result < 0) throw new SyscallFailed(`bind(${nameText(name)})`, -result);
}

export function connectName(fd: OwnedFd, name: UnixName): void {
  const result = rawSyscall(SYS.connect, fd.number, memory.address, putAddress(name));
  if (result < 0) throw new SyscallFailed(`connect(${nameText(name)})`, -result);
}

/** struct sockaddr_un, as long as the call is to be told. */
export function unixAddress(name: UnixName): Uint8Array {
  const length = putAddress(name);
  return bytes.slice(0, length);
}

/** Takes a datagram socket's peer away. What is in its queue goes, too. */
export function disconnect(fd: OwnedFd): void {
  view.setUint16(0, AF.UNSPEC, true);
  sys(SYS.connect, fd.number, memory.address, 2);
}

export function accept(fd: OwnedFd): OwnedFd {
  return new OwnedFd(sys(SYS.accept4, fd.number, 0, 0, SOCK.CLOEXEC));
}

/** getsockname(2), or getpeername(2), which tells the name of a peer that is gone, too. Empty: none. */
export function nameOf(fd: OwnedFd, peer: boolean): UnixName {
  view.setInt32(LENGTH, 512, true);
  const result = rawSyscall(peer ? SYS.getpeername : SYS.getsockname, fd.number, memory.address, memory.address + LENGTH);
  if (result === -ENOTCONN) return new Uint8Array(0);
  if (result < 0) throw new SyscallFailed(peer ? 'getpeername' : 'getsockname', -result);
  return bytes.slice(SUN_PATH, Math.max(SUN_PATH, view.getInt32(LENGTH, true)));
}

/** SIOCUNIXFILE: the file that a socket is bound to, as with O_PATH; undefined where it is bound to none. */
export function fileOf(fd: OwnedFd): OwnedFd | undefined {
  const result = rawSyscall(SYS.ioctl, fd.number, SIOCUNIXFILE, 0);
  if (result >= 0) return new OwnedFd(result);
  if (result === -ENOENT) return undefined;
  throw new SyscallFailed('ioctl(SIOCUNIXFILE)', -result);
}

/**
 * A name by which a bound socket of ours can be reached from here, wherever its file lies, if anywhere, now.
 * Holds only during the call.
 */
export function reach<T>(bound: OwnedFd, call: (name: UnixName) => T): T {
  const name = nameOf(bound, false);
  if (!isPath(name)) return call(name);
  using file = fileOf(bound);
  if (file === undefined) throw new SyscallFailed('ioctl(SIOCUNIXFILE)', ENOENT);
  return call(pathBytes(`/proc/self/fd/${file.number}`));
}
