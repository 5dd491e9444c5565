// sock_diag for TCP, UDP, UDP-Lite, raw and MPTCP sockets over IPv4 and IPv6 (sock_diag(7), net/ipv4/inet_diag.c).
import { IPPROTO } from '../abi/in.js';
import { INET_DIAG, INET_DIAG_NOCOOKIE, INET_DIAG_REQ, inet_diag_msg, inet_diag_req_v2, SOCK_DIAG } from '../abi/sock-diag.js';
import { AF } from '../abi/socket.js';
import { TCP_STATE } from '../abi/tcp.js';
import { attributeText, attributeU32, attributeU32s, attributeU64, attributeU8, AttributeWriter, concatBytes, parseAttributes } from './attributes.js';
import { NetlinkFormatError } from './errors.js';
import type { NetlinkMessage } from './message.js';
import type { NetlinkRequest } from './socket.js';
import { cookieOf, type Endpoint, type SocketMemory, socketMemory } from './sock-diag.js';

export type InetFamily = typeof AF.INET | typeof AF.INET6;

/** Masks for `states`; 1 << TCP_STATE.*; sockets of other protocols are ESTABLISHED (connected) or CLOSE. */
export const ALL_STATES = 0xffffffff;
export const stateMask = (...states: (keyof typeof TCP_STATE)[]): number => states.reduce((mask, state) => mask | (1 << TCP_STATE[state]), 0) >>> 0;

export interface InetDiagRequest {
  readonly family: InetFamily;
  /** IPPROTO.TCP, UDP, UDPLITE, RAW, MPTCP */
  readonly protocol: number;
  /** Default: all. */
  readonly states?: number;
  /** With IPPROTO.RAW: only sockets of this protocol; default: any. */
  readonly rawProtocol?: number;
  /** INET_DIAG attributes 1…8 to ask for; default: all of them. */
  readonly extensions?: readonly number[];
}

/** A dump request; its answers are for parseInetDiag. */
export function inetDiagRequest(request: InetDiagRequest): NetlinkRequest {
  // An 8-bit field: MPTCP's number needs the attribute.
  const wide = request.protocol > 0xff;
  const extensions = request.extensions?.reduce((mask, extension) => mask | (1 << (extension - 1)), 0) ?? 0xff;
  const header = inet_diag_req_v2.encode({
    sdiag_family: request.family,
    sdiag_protocol: wide ? IPPROTO.TCP : request.protocol,
    idiag_ext: extensions,
    pad: request.rawProtocol ?? 0,
    idiag_states: request.states ?? ALL_STATES,
    id: {
      idiag_sport: 0,
      idiag_dport: 0,
      idiag_src: new Uint8Array(16),
      idiag_dst: new Uint8Array(16),
      idiag_if: 0,
      idiag_cookie: [INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE],
    },
  });
  const attributes = wide ? new AttributeWriter().u32(INET_DIAG_REQ.PROTOCOL, request.protocol).finish() : new Uint8Array(0);
  return { type: SOCK_DIAG.DIAG_BY_FAMILY, payload: concatBytes([header, attributes]) };
}

/** Bits of INET_DIAG_SOCKOPT (struct inet_diag_sockopt), since 5.14. */
export interface InetSocketOptions {
  readonly recverr: boolean;
  readonly isIcsk: boolean;
  readonly freebind: boolean;
  readonly hdrincl: boolean;
  readonly mcLoop: boolean;
  readonly transparent: boolean;
  readonly mcAll: boolean;
  readonly nodefrag: boolean;
  readonly bindAddressNoPort: boolean;
  readonly recverrRfc4884: boolean;
  readonly deferConnect: boolean;
}

export interface InetSocket {
  readonly family: InetFamily;
  /** TCP_STATE.* */
  readonly state: number;
  /** Raw sockets: the source port is the protocol. */
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Interface index it is bound to; 0: none. */
  readonly boundInterface: number;
  readonly cookie: bigint;
  /** 0 none, 1 retransmission, 2 keepalive, 3 time wait, 4 zero window probe. */
  readonly timer: number;
  readonly retransmits: number;
  /** Milliseconds to the timer's end. */
  readonly expires: number;
  /** Bytes not read; a listening socket: connections not accepted. */
  readonly receiveQueue: number;
  /** Bytes not acknowledged; a listening socket: its backlog. */
  readonly sendQueue: number;
  readonly uid: number;
  /** 0: no file is behind it (time wait, connections that nobody has accepted yet). */
  readonly inode: number;
  /** Bit 0: receiving is shut down, bit 1: sending. */
  readonly shutdown: number | undefined;
  /** SO_MARK; only for CAP_NET_ADMIN. */
  readonly mark: number | undefined;
  readonly v6only: boolean | undefined;
  readonly tos: number | undefined;
  readonly trafficClass: number | undefined;
  readonly congestion: string | undefined;
  readonly classId: number | undefined;
  readonly cgroupId: bigint | undefined;
  /** Raw sockets. */
  readonly rawProtocol: number | undefined;
  readonly memory: SocketMemory | undefined;
  readonly options: InetSocketOptions | undefined;
  /** struct tcp_info (see tcp_info of the ABI), as long as this kernel makes it; empty for other protocols. */
  readonly tcpInfo: Uint8Array | undefined;
  /** Upper layer protocol (TLS, MPTCP), attributes as they came. */
  readonly ulpInfo: Uint8Array | undefined;
  /** Attributes that nobody here knows, or that tell of state nobody here understands: INET_DIAG number and value. */
  readonly unknown: ReadonlyMap<number, Uint8Array>;
}

/** Read by names below, or statistics of congestion control without meaning for what the socket is. */
const knownAttributes: ReadonlySet<number> = new Set([
  INET_DIAG.MEMINFO,
  INET_DIAG.INFO,
  INET_DIAG.VEGASINFO,
  INET_DIAG.DCTCPINFO,
  INET_DIAG.BBRINFO,
  INET_DIAG.CONG,
  INET_DIAG.TOS,
  INET_DIAG.TCLASS,
  INET_DIAG.SKMEMINFO,
  INET_DIAG.SHUTDOWN,
  INET_DIAG.PROTOCOL,
  INET_DIAG.SKV6ONLY,
  INET_DIAG.PAD,
  INET_DIAG.MARK,
  INET_DIAG.CLASS_ID,
  INET_DIAG.ULP_INFO,
  INET_DIAG.CGROUP_ID,
  INET_DIAG.SOCKOPT,
]);

/** @throws NetlinkFormatError */
export function parseInetDiag(message: NetlinkMessage): InetSocket {
  const { payload } = message;
  if (message.type !== SOCK_DIAG.DIAG_BY_FAMILY || payload.length < inet_diag_msg.size) throw new NetlinkFormatError('no inet_diag_msg');
  const fixed = inet_diag_msg.decode(payload);
  if (fixed.idiag_family !== AF.INET && fixed.idiag_family !== AF.INET6) throw new NetlinkFormatError(`address family ${fixed.idiag_family} is no inet`);
  const attributes = parseAttributes(payload.subarray(inet_diag_msg.size));
  const get = <T>(type: number, read: (value: Uint8Array) => T): T | undefined => {
    const value = attributes.get(type);
    return value === undefined ? undefined : read(value);
  };
  const length = fixed.idiag_family === AF.INET ? 4 : 16;
  return {
    family: fixed.idiag_family,
    state: fixed.idiag_state,
    source: { address: fixed.id.idiag_src.subarray(0, length), port: fixed.id.idiag_sport },
    destination: { address: fixed.id.idiag_dst.subarray(0, length), port: fixed.id.idiag_dport },
    boundInterface: fixed.id.idiag_if,
    cookie: cookieOf(fixed.id.idiag_cookie),
    timer: fixed.idiag_timer,
    retransmits: fixed.idiag_retrans,
    expires: fixed.idiag_expires,
    receiveQueue: fixed.idiag_rqueue,
    sendQueue: fixed.idiag_wqueue,
    uid: fixed.idiag_uid,
    inode: fixed.idiag_inode,
    shutdown: get(INET_DIAG.SHUTDOWN, attributeU8),
    mark: get(INET_DIAG.MARK, attributeU32),
    v6only: get(INET_DIAG.SKV6ONLY, (value) => attributeU8(value) !== 0),
    tos: get(INET_DIAG.TOS, attributeU8),
    trafficClass: get(INET_DIAG.TCLASS, attributeU8),
    congestion: get(INET_DIAG.CONG, attributeText),
    classId: get(INET_DIAG.CLASS_ID, attributeU32),
    cgroupId: get(INET_DIAG.CGROUP_ID, attributeU64),
    rawProtocol: get(INET_DIAG.PROTOCOL, attributeU8),
    memory: get(INET_DIAG.SKMEMINFO, (value) => socketMemory(attributeU32s(value))),
    options: get(INET_DIAG.SOCKOPT, socketOptions),
    tcpInfo: get(INET_DIAG.INFO, (value) => value.slice()),
    ulpInfo: get(INET_DIAG.ULP_INFO, (value) => value.slice()),
    unknown: new Map([...attributes].filter(([type]) => !knownAttributes.has(type)).map(([type, value]) => [type, value.slice()])),
  };
}

function socketOptions(value: Uint8Array): InetSocketOptions {
  const low = attributeU8(value);
  const high = value[1] ?? 0;
  const bit = (byte: number, number: number): boolean => ((byte >> number) & 1) !== 0;
  return {
    recverr: bit(low, 0),
    isIcsk: bit(low, 1),
    freebind: bit(low, 2),
    hdrincl: bit(low, 3),
    mcLoop: bit(low, 4),
    transparent: bit(low, 5),
    mcAll: bit(low, 6),
    nodefrag: bit(low, 7),
    bindAddressNoPort: bit(high, 0),
    recverrRfc4884: bit(high, 1),
    deferConnect: bit(high, 2),
  };
}
