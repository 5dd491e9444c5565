// Calls on sockets: getsockopt(2), setsockopt(2), getsockname(2), bind(2), poll(2) …
import { AF, ERRNO, NETLINK, SO, SOCK, sockaddr_in, sockaddr_in6, SOL, SYS } from '@criu-ts/kernel/abi';
import type { NetlinkSocket } from '@criu-ts/kernel/netlink';
import { Memory, OwnedFd, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';

const memory = new Memory(64 * 1024);
const LENGTH = 60 * 1024;
const { view, bytes } = memory;
const ENOTCONN = 107;
const EINVAL = 22;

export function socket(family: number, type: number, protocol: number): OwnedFd {
  return new OwnedFd(sys(SYS.socket, family, type | SOCK.CLOEXEC, protocol));
}

/** The option's bytes, at most `size`; undefined where this kind of socket, or this kernel, does not have it. */
export function tryOption(fd: OwnedFd, level: number, name: number, size = 256): Uint8Array | undefined {
  view.setInt32(LENGTH, size, true);
  const result = rawSyscall(SYS.getsockopt, fd.number, level, name, memory.address, memory.address + LENGTH);
  return result < 0 ? undefined : bytes.slice(0, view.getInt32(LENGTH, true));
}

/** The option's bytes where they are not these; undefined where they are, or the socket does not have it. */
export function optionUnless(fd: OwnedFd, level: number, name: number, usual: Uint8Array, size = 256): Uint8Array | undefined {
  view.setInt32(LENGTH, size, true);
  const result = rawSyscall(SYS.getsockopt, fd.number, level, name, memory.address, memory.address + LENGTH);
  if (result < 0) return undefined;
  const length = view.getInt32(LENGTH, true);
  let same = length === usual.length;
  for (let i = 0; same && i < length; i++) same = bytes[i] === usual[i];
  return same ? undefined : bytes.slice(0, length);
}

/** @throws SyscallFailed */
export function option(fd: OwnedFd, level: number, name: number): number {
  view.setInt32(LENGTH, 4, true);
  sys(SYS.getsockopt, fd.number, level, name, memory.address, memory.address + LENGTH);
  return view.getInt32(0, true);
}

export function setOption(fd: OwnedFd, level: number, name: number, value: number | Uint8Array): void {
  const length = typeof value === 'number' ? 4 : value.length;
  if (typeof value === 'number') view.setInt32(0, value, true);
  else bytes.set(value);
  const result = rawSyscall(SYS.setsockopt, fd.number, level, name, memory.address, length);
  if (result < 0) throw new SyscallFailed(`setsockopt(${fd.number}, ${level}, ${name}, ${typeof value === 'number' ? value : `${length} bytes`})`, -result);
}

/** SO_GET_FILTER: classic BPF, 8 bytes an instruction. @throws SyscallFailed EACCES for eBPF */
export function socketFilter(fd: OwnedFd): Uint8Array {
  view.setInt32(LENGTH, 0, true);
  // Lengths are instructions here; a length of 0 asks for their number.
  const count = sys(SYS.getsockopt, fd.number, SOL.SOCKET, SO.GET_FILTER, 0, memory.address + LENGTH) || view.getInt32(LENGTH, true);
  if (count === 0) return new Uint8Array(0);
  view.setInt32(LENGTH, count, true);
  sys(SYS.getsockopt, fd.number, SOL.SOCKET, SO.GET_FILTER, memory.address, memory.address + LENGTH);
  return bytes.slice(0, count * 8);
}

export function attachFilter(fd: OwnedFd, instructions: Uint8Array): void {
  bytes.set(instructions, 64);
  // struct sock_fprog
  view.setUint16(0, instructions.length / 8, true);
  view.setBigUint64(8, BigInt(memory.address + 64), true);
  sys(SYS.setsockopt, fd.number, SOL.SOCKET, SO.ATTACH_FILTER, memory.address, 16);
}

export interface Address {
  readonly port: number;
  /** Network order: 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** sin6_scope_id */
  readonly scope: number;
}

/** getsockname(2) or getpeername(2); undefined where there is none. */
export function addressOf(fd: OwnedFd, peer: boolean): Address | undefined {
  const call = (size: number): number => {
    view.setInt32(LENGTH, size, true);
    return peer
      ? rawSyscall(SYS.getsockopt, fd.number, SOL.SOCKET, SO.PEERNAME, memory.address, memory.address + LENGTH)
      : rawSyscall(SYS.getsockname, fd.number, memory.address, memory.address + LENGTH);
  };
  // Unlike getpeername(2) SO_PEERNAME tells the peer of a connection that has ended; it wants the address's exact size.
  let result = call(sockaddr_in6.size);
  if (result === -EINVAL) result = call(sockaddr_in.size);
  if (result === -ENOTCONN) return undefined;
  if (result < 0) throw new SyscallFailed(peer ? 'getpeername' : 'getsockname', -result);
  if (view.getUint16(0, true) === AF.INET) {
    const { sin_port, sin_addr } = sockaddr_in.read(view, 0);
    return { port: sin_port, address: sin_addr, scope: 0 };
  }
  const { sin6_port, sin6_addr, sin6_scope_id } = sockaddr_in6.read(view, 0);
  return { port: sin6_port, address: sin6_addr, scope: sin6_scope_id };
}

function withAddress(nr: number, name: string, fd: OwnedFd, { port, address, scope }: Address): void {
  bytes.fill(0, 0, 128);
  const v4 = address.length === 4;
  if (v4) sockaddr_in.write(view, 0, { sin_family: AF.INET, sin_port: port, sin_addr: address });
  else sockaddr_in6.write(view, 0, { sin6_family: AF.INET6, sin6_port: port, sin6_addr: address, sin6_scope_id: scope });
  const result = rawSyscall(nr, fd.number, memory.address, v4 ? sockaddr_in.size : sockaddr_in6.size);
  if (result < 0) throw new SyscallFailed(`${name}(${addressText(address)}:${port})`, -result);
}

export const bind = (fd: OwnedFd, address: Address): void => withAddress(SYS.bind, 'bind', fd, address);
export const connect = (fd: OwnedFd, address: Address): void => withAddress(SYS.connect, 'connect', fd, address);
export const listen = (fd: OwnedFd, backlog: number): void => void sys(SYS.listen, fd.number, backlog);
/** shutdown(2); the result or a negated errno. */
export const shutdown = (fd: OwnedFd, how: number): number => rawSyscall(SYS.shutdown, fd.number, how);

/** poll(2) without waiting: revents. */
export function poll(fd: OwnedFd, events: number): number {
  view.setInt32(0, fd.number, true);
  view.setInt16(4, events, true);
  view.setInt16(6, 0, true);
  for (;;) {
    const result = rawSyscall(SYS.poll, memory.address, 1, 0);
    if (result >= 0) break;
    // It never waits, but a signal of ours that comes just then stops it all the same (fs/select.c, do_poll).
    if (result !== -ERRNO.EINTR) throw new SyscallFailed('poll', -result);
  }
  return view.getInt16(6, true);
}

/** SIOCGIFINDEX */
export function interfaceIndex(fd: OwnedFd, name: string): number {
  bytes.fill(0, 0, 40);
  memory.putString(name, 0);
  sys(SYS.ioctl, fd.number, 0x8933, memory.address);
  return view.getInt32(16, true);
}

export function addressText(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const words = Array.from({ length: 8 }, (_, i) => (((address[2 * i] as number) << 8) | (address[2 * i + 1] as number)).toString(16));
  return `[${words.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]`;
}

/** A socket of the sock_diag family, for the network namespace that we are in. */
export class DiagSocket implements NetlinkSocket, Disposable {
  readonly #fd = socket(AF.NETLINK, SOCK.RAW, NETLINK.SOCK_DIAG);

  send(message: Uint8Array): void {
    bytes.set(message);
    sys(SYS.sendto, this.#fd.number, memory.address, message.length, 0, 0, 0);
  }

  receive(): Uint8Array {
    const length = sys(SYS.recvfrom, this.#fd.number, memory.address, LENGTH, 0, 0, 0);
    return bytes.slice(0, length);
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}
