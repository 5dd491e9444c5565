// Memberships of sockets in multicast groups: ip(7), ipv6(7), RFC 3678.
import type { multicast_entry } from '@criu-ts/images';
import { AF, MCAST, SOL, SYS } from '@criu-ts/kernel/abi';
import { type MulticastGroup, readMulticastGroups } from '@criu-ts/kernel/procfs';
import { Memory, type OwnedFd, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks } from '../errors.js';
import { addressText, interfaceIndex, setOption } from './socket-calls.js';

const ENODEV = 19;
const EADDRNOTAVAIL = 99;

/** struct group_filter: index, group, mode, number of sources, sources; struct group_req: index, group. Addresses are struct sockaddr_storage. */
const GROUP = 8;
const ADDRESS_SIZE = 128;
const MODE = GROUP + ADDRESS_SIZE;
const COUNT = MODE + 4;
const SOURCES = COUNT + 4;
/** net.ipv4.igmp_max_msf and its sister of IPv6 are lower. */
const MOST_SOURCES = 256;

const memory = new Memory(SOURCES + MOST_SOURCES * ADDRESS_SIZE + 8);
const LENGTH = SOURCES + MOST_SOURCES * ADDRESS_SIZE;

/** What somebody may be a member of: without the groups in which nobody but the kernel is. */
export type JoinedGroups = readonly MulticastGroup[];

export function joinedGroups(): JoinedGroups {
  return [false, true].flatMap(readMulticastGroups).filter(({ group, users }) => users > 1 || !KERNELS_OWN.some((prefix) => prefix.every((byte, i) => byte === group[i])));
}

const prefix = (hex: string): readonly number[] => [...Buffer.from(hex, 'hex')];

/** All hosts and all routers; IPv6's solicited-node groups, one for each address (RFC 4291, 2.7.1). */
const KERNELS_OWN = ['e0000001', 'ff010000000000000000000000000001', 'ff020000000000000000000000000001', 'ff0200000000000000000001ff', 'ff010000000000000000000000000002', 'ff020000000000000000000000000002', 'ff050000000000000000000000000002'].map(prefix);

/** No list tells which socket is in which group; but each tells its filter for a group that it is in. */
export function readMemberships(fd: OwnedFd, family: number, joined: JoinedGroups): multicast_entry[] {
  return joined.flatMap(({ group, index, device }) => {
    if (group.length > 4 && family === AF.INET) return [];
    const { view, bytes, address } = memory;
    bytes.fill(0, 0, SOURCES);
    view.setUint32(0, index, true);
    putAddress(GROUP, group);
    view.setUint32(COUNT, MOST_SOURCES, true);
    view.setInt32(LENGTH, LENGTH, true);
    const result = rawSyscall(SYS.getsockopt, fd.number, levelOf(group), MCAST.MSFILTER, address, address + LENGTH);
    // EADDRNOTAVAIL: not a member. ENOPROTOOPT, EINVAL: a kind of socket that never is.
    if (result < 0) return [];
    const sources = Array.from({ length: Math.min(view.getUint32(COUNT, true), MOST_SOURCES) }, (_, i) => addressAt(SOURCES + i * ADDRESS_SIZE, group.length));
    return [{ device, group, include: view.getUint32(MODE, true) === MCAST.INCLUDE, sources }];
  });
}

/** @throws HostLacks */
export function joinGroups(fd: OwnedFd, memberships: readonly multicast_entry[]): void {
  for (const { device, group, include, sources } of memberships) {
    const { bytes, view } = memory;
    bytes.fill(0, 0, SOURCES + sources.length * ADDRESS_SIZE);
    putAddress(GROUP, group);
    try {
      const index = interfaceIndex(fd, device);
      view.setUint32(0, index, true);
      setOption(fd, levelOf(group), MCAST.JOIN_GROUP, bytes.slice(0, MODE));
      if (!include && sources.length === 0) continue;
      view.setUint32(MODE, include ? MCAST.INCLUDE : MCAST.EXCLUDE, true);
      view.setUint32(COUNT, sources.length, true);
      sources.forEach((source, i) => putAddress(SOURCES + i * ADDRESS_SIZE, source));
      setOption(fd, levelOf(group), MCAST.MSFILTER, bytes.slice(0, SOURCES + sources.length * ADDRESS_SIZE));
    } catch (error) {
      if (!(error instanceof SyscallFailed) || (error.errno !== ENODEV && error.errno !== EADDRNOTAVAIL)) throw error;
      throw new HostLacks('multicast', `the multicast group ${addressText(group)} can not be joined on ${device}`, { hint: 'restore it on a host with such an interface', cause: error });
    }
  }
}

const levelOf = (group: Uint8Array): number => (group.length === 4 ? SOL.IP : SOL.IPV6);
/** Behind family and port, and IPv6's flow. */
const offsetOf = (length: number): number => (length === 4 ? 4 : 8);

function putAddress(at: number, address: Uint8Array): void {
  memory.view.setUint16(at, address.length === 4 ? AF.INET : AF.INET6, true);
  memory.bytes.set(address, at + offsetOf(address.length));
}

function addressAt(at: number, length: number): Uint8Array {
  return memory.bytes.slice(at + offsetOf(length), at + offsetOf(length) + length);
}
