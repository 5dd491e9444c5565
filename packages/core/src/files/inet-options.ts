// Options of IP and TCP: those that CRIU's messages have, and all others that are not as on a fresh socket.
import type { ip_opts_entry, ip_opts_raw_entry, socket_option_entry, tcp_opts_entry } from '@criu-ts/images';
import { AF, IP, IPPROTO, IPV6, NETLINK, SO, SOCK, SOL, TCP } from '@criu-ts/kernel/abi';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import { option, optionUnless, setOption, socket, tryOption } from './socket-calls.js';

/** Fields that CRIU leaves out where the value is 0. */
const V4 = { tos: IP.TOS, ttl: IP.TTL } as const;
const TCP_SWITCHES = { nodelay: TCP.NODELAY, cork: TCP.CORK } as const;
const TCP_NUMBERS = { keepcnt: TCP.KEEPCNT, keepidle: TCP.KEEPIDLE, keepintvl: TCP.KEEPINTVL } as const;

export function readIpOptions(fd: OwnedFd, family: number): ip_opts_entry {
  const v6 = family === AF.INET6;
  const freebind = v6 ? option(fd, SOL.IPV6, IPV6.FREEBIND) : option(fd, SOL.IP, IP.FREEBIND);
  const pktinfo = v6 ? option(fd, SOL.IPV6, IPV6.RECVPKTINFO) : option(fd, SOL.IP, IP.PKTINFO);
  const entry: ip_opts_entry = { ...(freebind !== 0 && { freebind: true }), ...(pktinfo !== 0 && { pktinfo: true }) };
  if (v6) return entry;
  for (const field of ['tos', 'ttl'] as const) {
    const value = option(fd, SOL.IP, V4[field]);
    if (value !== 0) entry[field] = value;
  }
  return entry;
}

export function writeIpOptions(fd: OwnedFd, family: number, entry: ip_opts_entry): void {
  const v6 = family === AF.INET6;
  if (entry.freebind !== undefined) setOption(fd, v6 ? SOL.IPV6 : SOL.IP, v6 ? IPV6.FREEBIND : IP.FREEBIND, Number(entry.freebind));
  if (entry.pktinfo !== undefined) setOption(fd, v6 ? SOL.IPV6 : SOL.IP, v6 ? IPV6.RECVPKTINFO : IP.PKTINFO, Number(entry.pktinfo));
  if (v6) return;
  for (const field of ['tos', 'ttl'] as const) {
    const value = entry[field];
    if (value !== undefined) setOption(fd, SOL.IP, V4[field], value);
  }
}

/** netinet/icmp.h, linux/icmpv6.h: one word, or eight. */
const ICMP_FILTER = 1;
const SOL_RAW = 255;
/** IPV6_CHECKSUM, at the level of raw sockets: where the checksum stands in a packet. */
const RAW_CHECKSUM = 7;

export function readRawOptions(fd: OwnedFd, { family, protocol }: SocketType): ip_opts_raw_entry {
  const v6 = family === AF.INET6;
  const filter = v6 ? (protocol === IPPROTO.ICMPV6 ? tryOption(fd, IPPROTO.ICMPV6, ICMP_FILTER, 32) : undefined) : protocol === IPPROTO.ICMP ? tryOption(fd, SOL_RAW, ICMP_FILTER, 4) : undefined;
  const isOn = (level: number, name: number): boolean => option(fd, level, name) !== 0;
  return {
    ...(isOn(v6 ? SOL.IPV6 : SOL.IP, v6 ? IPV6.HDRINCL : IP.HDRINCL) && { hdrincl: true }),
    ...(!v6 && isOn(SOL.IP, IP.NODEFRAG) && { nodefrag: true }),
    icmpvFilter: filter === undefined ? [] : [...new Uint32Array(filter.slice().buffer)],
  };
}

export function writeRawOptions(fd: OwnedFd, { family, ipOpts }: { readonly family: number; readonly ipOpts?: ip_opts_entry | undefined }): void {
  const raw = ipOpts?.raw;
  const v6 = family === AF.INET6;
  // Of protocol IPPROTO_RAW it is on from the beginning.
  setOption(fd, v6 ? SOL.IPV6 : SOL.IP, v6 ? IPV6.HDRINCL : IP.HDRINCL, Number(raw?.hdrincl ?? false));
  if (raw === undefined) return;
  if (!v6 && raw.nodefrag === true) setOption(fd, SOL.IP, IP.NODEFRAG, 1);
  if (raw.icmpvFilter.length > 0) setOption(fd, v6 ? IPPROTO.ICMPV6 : SOL_RAW, ICMP_FILTER, new Uint8Array(Uint32Array.from(raw.icmpvFilter).buffer));
}

export function readTcpOptions(fd: OwnedFd): tcp_opts_entry {
  const entry: tcp_opts_entry = {};
  for (const field of ['nodelay', 'cork'] as const) if (option(fd, SOL.TCP, TCP_SWITCHES[field]) !== 0) entry[field] = true;
  for (const field of ['keepcnt', 'keepidle', 'keepintvl'] as const) {
    const value = option(fd, SOL.TCP, TCP_NUMBERS[field]);
    if (value !== 0) entry[field] = value;
  }
  return entry;
}

export function writeTcpOptions(fd: OwnedFd, entry: tcp_opts_entry): void {
  for (const field of ['nodelay', 'cork'] as const) {
    const value = entry[field];
    if (value !== undefined) setOption(fd, SOL.TCP, TCP_SWITCHES[field], Number(value));
  }
  for (const field of ['keepcnt', 'keepidle', 'keepintvl'] as const) {
    const value = entry[field];
    if (value !== undefined) setOption(fd, SOL.TCP, TCP_NUMBERS[field], value);
  }
}

/** Options that CRIU's messages have no field for; what getsockopt gives, setsockopt takes. */
const MORE: Readonly<Record<'socket' | 'ip' | 'ipv6' | 'tcp' | 'udp' | 'netlink' | 'packet', readonly number[]>> = {
  socket: [
    SO.PEEK_OFF, SO.RXQ_OVFL, SO.TIMESTAMP, SO.TIMESTAMPNS, SO.TIMESTAMPING, SO.BUSY_POLL, SO.PREFER_BUSY_POLL, SO.BUSY_POLL_BUDGET,
    SO.MAX_PACING_RATE, SO.SELECT_ERR_QUEUE, SO.WIFI_STATUS, SO.NOFCS, SO.ZEROCOPY, SO.TXREHASH, SO.RCVMARK, SO.RCVPRIORITY, SO.INCOMING_CPU, SO.LOCK_FILTER,
    SO.PASSPIDFD, SO.PASSRIGHTS,
  ],
  ip: [
    IP.OPTIONS, IP.RECVOPTS, IP.RETOPTS, IP.MTU_DISCOVER, IP.RECVERR, IP.RECVTTL, IP.RECVTOS, IP.PASSSEC, IP.TRANSPARENT, IP.RECVORIGDSTADDR, IP.MINTTL, IP.CHECKSUM,
    IP.BIND_ADDRESS_NO_PORT, IP.RECVFRAGSIZE, IP.RECVERR_RFC4884, IP.MULTICAST_IF, IP.MULTICAST_TTL, IP.MULTICAST_LOOP, IP.MULTICAST_ALL, IP.UNICAST_IF, IP.LOCAL_PORT_RANGE,
  ],
  ipv6: [
    IPV6.UNICAST_HOPS, IPV6.MULTICAST_IF, IPV6.MULTICAST_HOPS, IPV6.MULTICAST_LOOP, IPV6.MULTICAST_ALL, IPV6.MTU_DISCOVER, IPV6.RECVERR, IPV6.FLOWINFO_SEND,
    IPV6.RECVHOPLIMIT, IPV6.RECVHOPOPTS, IPV6.RECVRTHDR, IPV6.RECVDSTOPTS, IPV6.RECVPATHMTU, IPV6.DONTFRAG, IPV6.RECVTCLASS, IPV6.TCLASS, IPV6.AUTOFLOWLABEL,
    IPV6.ADDR_PREFERENCES, IPV6.MINHOPCOUNT, IPV6.RECVORIGDSTADDR, IPV6.TRANSPARENT, IPV6.UNICAST_IF, IPV6.RECVFRAGSIZE, IPV6.RECVERR_RFC4884, IPV6.HOPOPTS, IPV6.RTHDR, IPV6.DSTOPTS, IPV6.RTHDRDSTOPTS,
  ],
  tcp: [
    TCP.MAXSEG, TCP.SYNCNT, TCP.LINGER2, TCP.DEFER_ACCEPT, TCP.WINDOW_CLAMP, TCP.CONGESTION, TCP.THIN_LINEAR_TIMEOUTS, TCP.USER_TIMEOUT, TCP.FASTOPEN, TCP.FASTOPEN_CONNECT,
    TCP.FASTOPEN_NO_COOKIE, TCP.NOTSENT_LOWAT, TCP.SAVE_SYN, TCP.INQ, TCP.TX_DELAY,
  ],
  /** UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX, UDP_SEGMENT, UDP_GRO (linux/udp.h) */
  udp: [101, 102, 103, 104],
  netlink: [NETLINK.PKTINFO, NETLINK.BROADCAST_ERROR, NETLINK.NO_ENOBUFS, NETLINK.LISTEN_ALL_NSID, NETLINK.CAP_ACK, NETLINK.EXT_ACK, NETLINK.GET_STRICT_CHK],
  /** PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING (linux/if_packet.h) */
  packet: [20, 23],
};

export interface SocketType {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
}

const isInternet = (family: number): boolean => family === AF.INET || family === AF.INET6;

/** What a socket has before anybody sets anything. */
export type FreshOptions = readonly (readonly [level: number, name: number, value: Uint8Array])[];

/** Of a socket made for it; options that it does not have are left out. */
export function freshOptions({ family, type, protocol }: SocketType): FreshOptions {
  using fresh = socket(family, type, protocol);
  const levels: [level: number, names: readonly number[]][] = [
    [SOL.SOCKET, MORE.socket],
    [SOL.IP, isInternet(family) ? MORE.ip : []],
    [SOL.IPV6, family === AF.INET6 ? MORE.ipv6 : []],
    [SOL_RAW, family === AF.INET6 && type === SOCK.RAW ? [RAW_CHECKSUM] : []],
    [SOL.TCP, isInternet(family) && protocol === IPPROTO.TCP ? MORE.tcp : []],
    [SOL.UDP, isInternet(family) && protocol === IPPROTO.UDP ? MORE.udp : []],
    [SOL.NETLINK, family === AF.NETLINK ? MORE.netlink : []],
    [SOL.PACKET, family === AF.PACKET ? MORE.packet : []],
  ];
  return levels.flatMap(([level, names]) =>
    names.flatMap((name) => {
      const value = tryOption(fresh, level, name);
      return value === undefined ? [] : [[level, name, value] as const];
    }),
  );
}

/** Those that differ from a fresh socket of the same type. */
export function readMoreOptions(fd: OwnedFd, fresh: FreshOptions): socket_option_entry[] {
  return fresh.flatMap(([level, name, usual]) => {
    const value = optionUnless(fd, level, name, usual);
    return value === undefined ? [] : [{ level, name, value }];
  });
}

export function writeMoreOptions(fd: OwnedFd, options: readonly socket_option_entry[]): void {
  // A locked filter can't be attached or changed: it comes last.
  const last = ({ level, name }: socket_option_entry): number => Number(level === SOL.SOCKET && name === SO.LOCK_FILTER);
  for (const { level, name, value } of [...options].sort((a, b) => last(a) - last(b))) setOption(fd, level, name, value);
}
