// Options that sockets of all families have (socket(7)), as sk_opts_entry holds them.
import type { sk_opts_entry } from '@criu-ts/images';
import { linger, SO, SOL } from '@criu-ts/kernel/abi';
import { type OwnedFd, pathBytes, pathString, SyscallFailed } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';
import { attachFilter, option, setOption, socketFilter, tryOption } from './socket-calls.js';

const EACCES = 13;

const read = (fd: OwnedFd, name: number): number => option(fd, SOL.SOCKET, name);

/** Switches, by their field. SO_REUSEADDR and SO_REUSEPORT are put on by who binds. */
const SWITCHES = {
  reuseaddr: SO.REUSEADDR,
  soReuseport: SO.REUSEPORT,
  soDontroute: SO.DONTROUTE,
  soNoCheck: SO.NO_CHECK,
  soBroadcast: SO.BROADCAST,
  soKeepalive: SO.KEEPALIVE,
} as const;
const switchNames = Object.keys(SWITCHES) as (keyof typeof SWITCHES)[];
const BOUND_LATER = new Set<keyof typeof SWITCHES>(['reuseaddr', 'soReuseport']);

/** Options of unix and netlink sockets only. */
const PASSED = { soPasscred: SO.PASSCRED, soPasssec: SO.PASSSEC } as const;

/** @param passes the family knows SO_PASSCRED and SO_PASSSEC */
export function readSocketOptions(fd: OwnedFd, passes = false): sk_opts_entry {
  const send = timeout(fd, SO.SNDTIMEO);
  const receive = timeout(fd, SO.RCVTIMEO);
  const mark = read(fd, SO.MARK);
  const lock = tryOption(fd, SOL.SOCKET, SO.BUF_LOCK, 4);
  const lingering = linger.decode(tryOption(fd, SOL.SOCKET, SO.LINGER, 8) ?? new Uint8Array(8));
  const device = tryOption(fd, SOL.SOCKET, SO.BINDTODEVICE, 16) ?? new Uint8Array(0);
  const end = device.indexOf(0);
  const switches = Object.fromEntries(switchNames.map((field) => [field, read(fd, SWITCHES[field]) !== 0]));
  return {
    soSndbuf: read(fd, SO.SNDBUF),
    soRcvbuf: read(fd, SO.RCVBUF),
    soSndTmoSec: send[0],
    soSndTmoUsec: send[1],
    soRcvTmoSec: receive[0],
    soRcvTmoUsec: receive[1],
    soPriority: read(fd, SO.PRIORITY),
    soRcvlowat: read(fd, SO.RCVLOWAT),
    ...switches,
    ...(mark !== 0 && { soMark: mark >>> 0 }),
    ...(passes && { soPasscred: read(fd, SO.PASSCRED) !== 0, soPasssec: read(fd, SO.PASSSEC) !== 0 }),
    soOobinline: read(fd, SO.OOBINLINE),
    ...(lingering.l_onoff !== 0 && { soLinger: lingering.l_linger }),
    ...(lock !== undefined && { soBufLock: lock[0] as number }),
    ...(end > 0 && { soBoundDev: pathString(device.slice(0, end)) }),
    soFilter: readFilter(fd),
  };
}

/** All but SO_REUSEADDR and SO_REUSEPORT. */
export function writeSocketOptions(fd: OwnedFd, options: sk_opts_entry): void {
  const set = (name: number, value: number | Uint8Array | undefined): void => {
    if (value !== undefined) setOption(fd, SOL.SOCKET, name, value);
  };
  setBuffer(fd, SO.SNDBUF, SO.SNDBUFFORCE, options.soSndbuf);
  setBuffer(fd, SO.RCVBUF, SO.RCVBUFFORCE, options.soRcvbuf);
  // Setting a size has locked it.
  if (options.soBufLock !== undefined && tryOption(fd, SOL.SOCKET, SO.BUF_LOCK, 4) !== undefined) set(SO.BUF_LOCK, options.soBufLock);
  for (const field of switchNames) if (options[field] === true && !BOUND_LATER.has(field)) set(SWITCHES[field], 1);
  for (const field of ['soPasscred', 'soPasssec'] as const) if (options[field] === true) set(PASSED[field], 1);
  set(SO.PRIORITY, options.soPriority);
  set(SO.RCVLOWAT, options.soRcvlowat);
  set(SO.MARK, options.soMark);
  if ((options.soOobinline ?? 0) !== 0) set(SO.OOBINLINE, 1);
  if (options.soLinger !== undefined) set(SO.LINGER, linger.encode({ l_onoff: 1, l_linger: options.soLinger }));
  set(SO.SNDTIMEO, pair(options.soSndTmoSec, options.soSndTmoUsec));
  set(SO.RCVTIMEO, pair(options.soRcvTmoSec, options.soRcvTmoUsec));
  if (options.soBoundDev !== undefined) set(SO.BINDTODEVICE, pathBytes(options.soBoundDev));
  if (options.soFilter.length > 0) attachFilter(fd, filterBytes(options.soFilter));
}

/** The kernel doubles what is set, and refuses more than the sysctl allows without the privilege. */
function setBuffer(fd: OwnedFd, name: number, force: number, size: number): void {
  if (read(fd, name) === size) return;
  try {
    setOption(fd, SOL.SOCKET, force, size >>> 1);
  } catch (error) {
    if (!(error instanceof SyscallFailed) || error.errnoName !== 'EPERM') throw error;
    setOption(fd, SOL.SOCKET, name, size >>> 1);
  }
}

function timeout(fd: OwnedFd, name: number): [sec: bigint, usec: bigint] {
  const value = tryOption(fd, SOL.SOCKET, name, 16);
  if (value?.length !== 16) throw new TypeError('a timeout is no struct timeval');
  const words = new DataView(value.buffer, value.byteOffset, 16);
  return [words.getBigUint64(0, true), words.getBigUint64(8, true)];
}

const pair = (first: bigint, second: bigint): Uint8Array => new Uint8Array(new BigUint64Array([first, second]).buffer);

/** An instruction a word: code, jt, jf, k from the top. */
function readFilter(fd: OwnedFd): bigint[] {
  let instructions: Uint8Array;
  try {
    instructions = socketFilter(fd);
  } catch (error) {
    if (!(error instanceof SyscallFailed) || error.errno !== EACCES) throw error;
    throw new Unsupported('file', 'an eBPF program is attached to the socket', { why: 'the kernel gives only classic filters back', hint: 'detach it (SO_DETACH_FILTER) before the dump' });
  }
  const words = new DataView(instructions.buffer, instructions.byteOffset, instructions.length);
  return Array.from({ length: instructions.length / 8 }, (_, i) => {
    const at = 8 * i;
    return (BigInt(words.getUint16(at, true)) << 48n) | (BigInt(words.getUint8(at + 2)) << 40n) | (BigInt(words.getUint8(at + 3)) << 32n) | BigInt(words.getUint32(at + 4, true));
  });
}

function filterBytes(filter: readonly bigint[]): Uint8Array {
  const instructions = new Uint8Array(filter.length * 8);
  const words = new DataView(instructions.buffer);
  filter.forEach((word, i) => {
    words.setUint16(8 * i, Number(word >> 48n), true);
    words.setUint8(8 * i + 2, Number((word >> 40n) & 0xffn));
    words.setUint8(8 * i + 3, Number((word >> 32n) & 0xffn));
    words.setUint32(8 * i + 4, Number(word & 0xffff_ffffn), true);
  });
  return instructions;
}
