// sock_diag for netlink sockets (net/netlink/diag.c).
import { INET_DIAG_NOCOOKIE, NDIAG_PROTO_ALL, NDIAG_SHOW, NETLINK_DIAG, netlink_diag_msg, netlink_diag_req, SOCK_DIAG } from '../abi/sock-diag.js';
import { AF } from '../abi/socket.js';
import { attributeU32, attributeU32s, parseAttributes } from './attributes.js';
import { NetlinkFormatError } from './errors.js';
import type { NetlinkMessage } from './message.js';
import { cookieOf, type SocketMemory, socketMemory } from './sock-diag.js';
import type { NetlinkRequest } from './socket.js';

export interface NetlinkSocketInfo {
  /** SOCK.RAW, DGRAM */
  readonly type: number;
  /** NETLINK.ROUTE, … */
  readonly protocol: number;
  /** NETLINK.UNCONNECTED, CONNECTED, or TCP_STATE.CLOSE (7): never connected. */
  readonly state: number;
  /** 0: not bound. */
  readonly portId: number;
  readonly destinationPortId: number;
  readonly destinationGroup: number;
  /** 0: a socket of the kernel. */
  readonly inode: number;
  readonly cookie: bigint;
  /** Multicast groups it has joined, ascending; the first is 1. */
  readonly groups: readonly number[];
  /** NDIAG_FLAG.*; undefined before 4.17. */
  readonly flags: number | undefined;
  readonly memory: SocketMemory | undefined;
  /** Rings, which no supported kernel has any more, and attributes that nobody here knows. */
  readonly unknown: ReadonlyMap<number, Uint8Array>;
}

const SHOW_ALL = Object.values(NDIAG_SHOW).reduce<number>((mask, bit) => mask | bit, 0);

/** A dump of the netlink sockets of the network namespace; a socket that joined groups comes twice (tell by the cookie). */
export function netlinkDiagRequest({ protocol = NDIAG_PROTO_ALL, show = SHOW_ALL }: { protocol?: number; show?: number } = {}): NetlinkRequest {
  return {
    type: SOCK_DIAG.DIAG_BY_FAMILY,
    payload: netlink_diag_req.encode({
      sdiag_family: AF.NETLINK,
      sdiag_protocol: protocol,
      ndiag_show: show,
      ndiag_cookie: [INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE],
    }),
  };
}

const knownAttributes: ReadonlySet<number> = new Set([NETLINK_DIAG.MEMINFO, NETLINK_DIAG.GROUPS, NETLINK_DIAG.FLAGS]);

/** @throws NetlinkFormatError */
export function parseNetlinkDiag(message: NetlinkMessage): NetlinkSocketInfo {
  const { payload } = message;
  if (message.type !== SOCK_DIAG.DIAG_BY_FAMILY || payload.length < netlink_diag_msg.size) throw new NetlinkFormatError('no netlink_diag_msg');
  const fixed = netlink_diag_msg.decode(payload);
  if (fixed.ndiag_family !== AF.NETLINK) throw new NetlinkFormatError(`address family ${fixed.ndiag_family} is not netlink`);
  const attributes = parseAttributes(payload.subarray(netlink_diag_msg.size));
  const groups = attributes.get(NETLINK_DIAG.GROUPS);
  const flags = attributes.get(NETLINK_DIAG.FLAGS);
  const memory = attributes.get(NETLINK_DIAG.MEMINFO);
  return {
    type: fixed.ndiag_type,
    protocol: fixed.ndiag_protocol,
    state: fixed.ndiag_state,
    portId: fixed.ndiag_portid,
    destinationPortId: fixed.ndiag_dst_portid,
    destinationGroup: fixed.ndiag_dst_group,
    inode: fixed.ndiag_ino,
    cookie: cookieOf(fixed.ndiag_cookie),
    groups: groups === undefined ? [] : groupNumbers(groups),
    flags: flags === undefined ? undefined : attributeU32(flags),
    memory: memory === undefined ? undefined : socketMemory(attributeU32s(memory)),
    unknown: new Map([...attributes].filter(([type]) => !knownAttributes.has(type)).map(([type, value]) => [type, value.slice()])),
  };
}

/** Bit n of the mask is group n + 1. */
function groupNumbers(mask: Uint8Array): number[] {
  const groups: number[] = [];
  for (const [index, byte] of mask.entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit) & 1) groups.push(index * 8 + bit + 1);
  }
  return groups;
}
