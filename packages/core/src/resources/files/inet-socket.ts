// Sockets over IPv4 and IPv6 that have no TCP connection: TCP unbound, bound, listening; UDP, ICMP and raw (ip(7), tcp(7), udp(7), raw(7)).
import { fd_types, type inet_sk_entry, sk_shutdown } from '@criu-ts/images';
import { AF, F, IP, IPPROTO, IPV6, S, SHUT, SO, SOCK, SOL, TCP, TCP_STATE, tcp_info } from '@criu-ts/kernel/abi';
import { dumpConsistent, inetDiagRequest, type InetFamily, type InetSocket, parseInetDiag } from '@criu-ts/kernel/netlink';
import { readNetRaw } from '@criu-ts/kernel/procfs';
import { fcntl, OwnedFd } from '@criu-ts/kernel/sys';
import { HostLacks, ImageCorrupt, Unsupported } from '../../errors.js';
import type { FileDumpContext, FileKind, FileRestoreContext, InspectedFile } from '../file-kind.js';
import { fileEntries } from '../../files/file-entries.js';
import { setSignal } from '../../files/fown.js';
import { freshOptions, readIpOptions, readMoreOptions, readRawOptions, readTcpOptions, type SocketType, writeIpOptions, writeMoreOptions, writeRawOptions, writeTcpOptions } from '../../files/inet-options.js';
import { part } from '../../files/message-part.js';
import { joinedGroups, joinGroups, readMemberships } from '../../files/multicast.js';
import { failedWith } from '../../files/named-file.js';
import { fileType } from '../../files/paths.js';
import { type Address, addressOf, addressText, bind, connect, DiagSocket, interfaceIndex, listen, option, poll, setOption, shutdown, socket, tryOption } from '../../files/socket-calls.js';
import { readSocketOptions, writeSocketOptions } from '../../files/socket-options.js';
import { setFlags } from '../../files/status-flags.js';

const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;
const UDP_CORK = 1;
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;
const DATAGRAM = new Set<number>([IPPROTO.UDP, IPPROTO.UDPLITE, IPPROTO.ICMP, IPPROTO.ICMPV6]);

export const inetSocket: FileKind<inet_sk_entry> = {
  name: 'inet-socket',
  type: fd_types.INETSK,
  // Other sockets are told apart when they are judged: only a call on the socket tells its family.
  recognises: ({ stat, link }) => fileType(stat.mode) === S.IFSOCK && link.startsWith('socket:['),

  judge(file, at) {
    using fd = file.open();
    const family = option(fd, SOL.SOCKET, SO.DOMAIN);
    const type = option(fd, SOL.SOCKET, SO.TYPE);
    const protocol = option(fd, SOL.SOCKET, SO.PROTOCOL);
    judgeType(family, type, protocol);
    return type === SOCK.STREAM ? judgeTcp(file, fd, family, at) : judgeDatagram(file, fd, { family, type, protocol }, at);
  },

  capture: (_, __, isk) => ({ isk }),

  preflight(entry, at) {
    const isk = part(entry, 'isk');
    judgeType(isk.family, isk.type, isk.proto);
    if (isk.srcPort === 0) return;
    using probe = socket(isk.family, isk.type, isk.proto);
    claimPort(probe, isk, at);
  },

  reopen(entry, at) {
    const isk = part(entry, 'isk');
    const { family, type, proto } = isk;
    judgeType(family, type, proto);
    if (type === SOCK.STREAM && isk.state !== TCP_STATE.LISTEN && isk.dstPort !== 0) {
      throw new Unsupported('file', `the TCP connection to ${addressText(bytesOf(isk.dstAddr))}:${isk.dstPort} can not be restored yet`);
    }
    const fd = socket(family, type, proto);
    try {
      bindAndConnect(fd, isk, at);
      setFlags(fd, isk.flags);
      setSignal(fd, isk.fown);
      if (isk.ipOpts !== undefined) writeIpOptions(fd, family, isk.ipOpts);
      if (type === SOCK.RAW) writeRawOptions(fd, isk);
      writeSocketOptions(fd, isk.opts);
      if (type === SOCK.STREAM && isk.tcpOpts !== undefined) writeTcpOptions(fd, isk.tcpOpts);
      writeMoreOptions(fd, isk.moreOptions);
      joinGroups(fd, isk.multicast);
      restoreShutdown(fd, isk);
      return fd;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  },

  fown: ({ isk }) => isk?.fown,
};

const FAMILY_NAMES: Readonly<Record<number, string>> = { [AF.UNIX]: 'unix', [AF.NETLINK]: 'netlink', [AF.PACKET]: 'packet', [AF.VSOCK]: 'vsock', [AF.ALG]: 'kernel crypto (AF_ALG)' };

function judgeType(family: number, type: number, protocol: number): void {
  if (family !== AF.INET && family !== AF.INET6) {
    const name = FAMILY_NAMES[family];
    throw new Unsupported('file', `${name === undefined ? `sockets of address family ${family}` : `${name} sockets`} are not supported yet`, { hint: 'close the socket before the dump' });
  }
  if (type === SOCK.STREAM && protocol === IPPROTO.MPTCP) throw new Unsupported('file', 'multipath TCP is not supported', { why: 'the kernel can not repair such connections', hint: 'turn it off: Go programs by GODEBUG=multipathtcp=0' });
  const known = type === SOCK.RAW || (type === SOCK.STREAM ? protocol === IPPROTO.TCP : type === SOCK.DGRAM && DATAGRAM.has(protocol));
  if (!known) throw new Unsupported('file', `a socket of type ${type} of protocol ${protocol} is not supported yet`, { hint: 'close the socket before the dump' });
}

function judgeTcp(file: InspectedFile, fd: OwnedFd, family: number, at: FileDumpContext): inet_sk_entry {
  const source = addressOf(fd, false);
  const peer = addressOf(fd, true);
  const info = tcp_info.decode(padded(tryOption(fd, SOL.TCP, TCP.INFO, tcp_info.size), tcp_info.size));
  const state = info.tcpi_state;
  if (state !== TCP_STATE.CLOSE && state !== TCP_STATE.LISTEN) {
    const ends = `${shown(source)} → ${shown(peer)}`;
    throw new Unsupported('file', `established TCP (${ends}) is not supported yet`, { why: 'both ends must be kept from talking until the restore', hint: 'close the connection before the dump' });
  }
  if (state === TCP_STATE.CLOSE && (peer?.port ?? 0) !== 0) {
    throw new Unsupported('file', `a TCP connection that has ended (${shown(source)} → ${shown(peer)}) is not supported yet`, { why: 'a fresh socket answers calls otherwise', hint: 'close the descriptor before the dump' });
  }
  // Of a listening socket these two are the queue of connections that nobody has accepted yet, and its limit.
  if (state === TCP_STATE.LISTEN && info.tcpi_unacked > 0) {
    throw new Unsupported('file', `${info.tcpi_unacked} connections to ${shown(source)} were not accepted yet`, { why: 'connections in the queue of a listening socket belong to no descriptor', hint: 'dump it when it has accepted them' });
  }
  return {
    ...common(file, fd, { family, type: SOCK.STREAM, protocol: IPPROTO.TCP }, at),
    state,
    srcPort: source?.port ?? 0,
    dstPort: 0,
    backlog: state === TCP_STATE.LISTEN ? info.tcpi_sacked : 0,
    srcAddr: wordsOf(source, family),
    dstAddr: wordsOf(undefined, family),
    ...(state === TCP_STATE.LISTEN && { nsId: NET_NAMESPACE }),
    ...interfaceOf(fd, source),
    ...closedShutdown(fd, state),
    tcpOpts: readTcpOptions(fd),
  };
}

/** Our own network namespace in the images (ids-PID.img); CRIU gives it to the sockets that sock_diag lists. */
const NET_NAMESPACE = 2;

/** A socket without a connection does not tell how it was shut down: but poll(2) does. */
function closedShutdown(fd: OwnedFd, state: number): { shutdown?: sk_shutdown } {
  return state === TCP_STATE.CLOSE && (poll(fd, POLLRDHUP | POLLHUP) & POLLRDHUP) !== 0 ? { shutdown: sk_shutdown.READ } : {};
}

function judgeDatagram(file: InspectedFile, fd: OwnedFd, kind: SocketType, at: FileDumpContext): inet_sk_entry {
  const { family, type, protocol } = kind;
  const raw = type === SOCK.RAW;
  const udp = !raw && (protocol === IPPROTO.UDP || protocol === IPPROTO.UDPLITE);
  if (udp && option(fd, SOL.UDP, UDP_CORK) !== 0) throw new Unsupported('file', 'a corked UDP socket is not supported', { why: 'a datagram that is not finished can not be read back', hint: 'dump it when it has sent the datagram' });
  const source = addressOf(fd, false);
  const known = udp ? diagOf(file, family, protocol, at) : undefined;
  const peer = raw ? rawPeer(file, family, at) : addressOf(fd, true);
  if ((known?.receiveQueue ?? 0) > 0) {
    at.emit({ type: 'warning', task: file.task, text: `fd ${file.fd}: datagrams that wait at UDP port ${source?.port} are dropped` });
  }
  return {
    ...common(file, fd, kind, at),
    state: known?.state ?? (peer === undefined ? TCP_STATE.CLOSE : TCP_STATE.ESTABLISHED),
    srcPort: source?.port ?? 0,
    dstPort: peer?.port ?? 0,
    backlog: 0,
    srcAddr: wordsOf(source, family),
    dstAddr: wordsOf(peer, family),
    ...(known !== undefined && { nsId: NET_NAMESPACE }),
    ...interfaceOf(fd, source),
    ...((known?.shutdown ?? 0) !== 0 && { shutdown: known?.shutdown as sk_shutdown }),
    tcpOpts: {},
  };
}

/** What sock_diag says; unbound sockets are on none of its lists. */
function diagOf({ stat }: InspectedFile, family: number, protocol: number, at: FileDumpContext): InetSocket | undefined {
  const list = at.shared(`sock_diag:${family}:${protocol}`, () => {
    using diag = new DiagSocket();
    const sockets = dumpConsistent(diag, inetDiagRequest({ family: family as InetFamily, protocol })).map(parseInetDiag);
    return new Map(sockets.map((known) => [known.inode, known]));
  });
  return list.get(Number(BigInt.asUintN(32, stat.ino)));
}

/** It has no port, so getpeername(2) does not tell it. */
function rawPeer({ stat }: InspectedFile, family: number, at: FileDumpContext): Address | undefined {
  const list = at.shared(`net-raw:${family}`, () => readNetRaw(family === AF.INET6));
  const address = list.find(({ inode }) => BigInt(inode) === stat.ino)?.remote;
  return address?.some((byte) => byte !== 0) === true ? { address, port: 0, scope: 0 } : undefined;
}

type Common = Pick<inet_sk_entry, 'id' | 'ino' | 'family' | 'type' | 'proto' | 'flags' | 'fown' | 'opts' | 'v6Only' | 'ipOpts' | 'moreOptions' | 'multicast'>;

function common({ stat, flags, fown }: InspectedFile, fd: OwnedFd, kind: SocketType, at: FileDumpContext): Common {
  const { family, type, protocol } = kind;
  return {
    id: at.id,
    ino: Number(BigInt.asUintN(32, stat.ino)),
    family,
    type,
    proto: protocol,
    flags,
    fown,
    opts: readSocketOptions(fd),
    ...(family === AF.INET6 && { v6Only: option(fd, SOL.IPV6, IPV6.V6ONLY) !== 0 }),
    ipOpts: { ...readIpOptions(fd, family), ...(type === SOCK.RAW && { raw: readRawOptions(fd, kind) }) },
    moreOptions: readMoreOptions(fd, at.shared(`fresh:${family}:${type}:${protocol}`, () => freshOptions(kind))),
    multicast: readMemberships(fd, family, at.shared('multicast groups', joinedGroups)),
  };
}

/** A link-local address means something only together with its interface. */
function interfaceOf(fd: OwnedFd, source: Address | undefined): { ifname?: string } {
  if (source === undefined || source.port === 0 || source.scope === 0) return {};
  const device = tryOption(fd, SOL.SOCKET, SO.BINDTODEVICE, 16);
  const name = Buffer.from(device ?? []).toString('latin1').replace(/\0.*$/s, '');
  return name === '' ? {} : { ifname: name };
}

/** Binds it; tells whether others of the images have the port, too. @throws HostLacks */
function claimPort(fd: OwnedFd, isk: inet_sk_entry, at: FileRestoreContext): boolean {
  if (isk.v6Only === true) setOption(fd, SOL.IPV6, IPV6.V6ONLY, 1);
  const shared = portUsers(at, isk) > 1;
  // Whoever comes second needs both to allow it, whatever they say in the end; a port may also still be in TIME_WAIT.
  setOption(fd, SOL.SOCKET, SO.REUSEADDR, 1);
  if (shared || isk.opts.soReuseport === true) setOption(fd, SOL.SOCKET, SO.REUSEPORT, 1);
  if (isk.type === SOCK.RAW ? isk.srcAddr.some((word) => word !== 0) : isk.srcPort !== 0) bindSocket(fd, isk);
  return shared;
}

function bindAndConnect(fd: OwnedFd, isk: inet_sk_entry, at: FileRestoreContext): void {
  const { proto, opts } = isk;
  const shared = claimPort(fd, isk, at);
  if (isk.state === TCP_STATE.LISTEN) {
    if (proto !== IPPROTO.TCP) throw new ImageCorrupt(`socket ${isk.id} listens, but is of protocol ${proto}`, { object: 'files.img' });
    listen(fd, isk.backlog);
  }
  if (isk.type === SOCK.RAW ? isk.dstAddr.some((word) => word !== 0) : isk.dstPort !== 0) connect(fd, { port: isk.dstPort, address: bytesOf(isk.dstAddr, isk.family), scope: scopeOf(fd, isk) });
  const settle = (own: OwnedFd): void => {
    if (opts.reuseaddr !== true) setOption(own, SOL.SOCKET, SO.REUSEADDR, 0);
    if (opts.soReuseport !== true && shared) setOption(own, SOL.SOCKET, SO.REUSEPORT, 0);
  };
  if (!shared) return settle(fd);
  const later = new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));
  at.defer(() => later[Symbol.dispose]());
  at.whenInstalled(() => {
    using own = later;
    settle(own);
  });
}

/** An IPv6 address may be on its way to an interface still ("tentative"): FREEBIND binds to it all the same. */
function bindSocket(fd: OwnedFd, isk: inet_sk_entry): void {
  const v6 = isk.family === AF.INET6;
  if (v6) setOption(fd, SOL.IP, IP.FREEBIND, 1);
  else if (isk.ipOpts?.freebind === true) setOption(fd, SOL.IP, IP.FREEBIND, 1);
  const address = bytesOf(isk.srcAddr, isk.family);
  try {
    bind(fd, { port: isk.srcPort, address, scope: scopeOf(fd, isk) });
  } catch (error) {
    const name = `${addressText(address)}:${isk.srcPort}`;
    if (failedWith(error, EADDRINUSE)) throw new HostLacks('port-taken', `another process has the ${isk.proto === IPPROTO.TCP ? 'TCP' : 'UDP'} port ${name}`, { hint: 'end that process (ss -lnp shows it)', cause: error });
    if (failedWith(error, EADDRNOTAVAIL)) throw new HostLacks('address-missing', `this host has no address ${addressText(address)}`, { hint: 'give it to an interface (ip address add), or restore on the host that has it', cause: error });
    throw error;
  }
  if (v6 && isk.ipOpts?.freebind !== true) setOption(fd, SOL.IP, IP.FREEBIND, 0);
}

const scopeOf = (fd: OwnedFd, { ifname }: inet_sk_entry): number => (ifname === undefined ? 0 : interfaceIndex(fd, ifname));

/** How many sockets of the images have that port. */
function portUsers(at: FileRestoreContext, { type, srcPort }: inet_sk_entry): number {
  // Raw sockets have the protocol's number there.
  if (srcPort === 0 || type === SOCK.RAW) return 1;
  const users = at.shared('inet-ports', () => {
    const count = new Map<string, number>();
    for (const { isk } of fileEntries(at)) {
      if (isk === undefined) continue;
      const key = `${isk.type}:${isk.srcPort}`;
      count.set(key, (count.get(key) ?? 0) + 1);
    }
    return count;
  });
  return users.get(`${type}:${srcPort}`) ?? 1;
}

const HOW: Readonly<Record<number, number>> = { [sk_shutdown.READ]: SHUT.RD, [sk_shutdown.WRITE]: SHUT.WR, [sk_shutdown.BOTH]: SHUT.RDWR };

/** Without a connection the call says ENOTCONN, and has its effect. */
function restoreShutdown(fd: OwnedFd, isk: inet_sk_entry): void {
  const how = isk.shutdown === undefined ? undefined : HOW[isk.shutdown];
  if (how !== undefined) shutdown(fd, how);
}

/** Network order bytes as the little-endian words of the images. */
function wordsOf(address: Address | undefined, family: number): number[] {
  const bytes = address?.address ?? new Uint8Array(family === AF.INET ? 4 : 16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function bytesOf(words: readonly number[], family: number = words.length > 1 ? AF.INET6 : AF.INET): Uint8Array {
  // Images of the first versions have four words for IPv4 too.
  const count = family === AF.INET ? 1 : 4;
  if (words.length < count) throw new ImageCorrupt(`an address of ${words.length} words`, { object: 'files.img' });
  return new Uint8Array(Uint32Array.from(words.slice(0, count)).buffer);
}

const shown = (address: Address | undefined): string => (address === undefined ? '*' : `${addressText(address.address)}:${address.port}`);

function padded(bytes: Uint8Array | undefined, size: number): Uint8Array {
  const whole = new Uint8Array(size);
  whole.set((bytes ?? new Uint8Array(0)).subarray(0, size));
  return whole;
}
