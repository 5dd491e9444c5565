// sock_diag for packet sockets (packet(7), net/packet/diag.c).
import { INET_DIAG_NOCOOKIE, PACKET_DIAG, PACKET_SHOW, packet_diag_info, packet_diag_msg, packet_diag_req, SOCK_DIAG } from '../abi/sock-diag.js';
import { AF } from '../abi/socket.js';
import { attributeU32, attributeU32s, parseAttributes } from './attributes.js';
import { NetlinkFormatError } from './errors.js';
import type { NetlinkMessage } from './message.js';
import { cookieOf, type SocketMemory, socketMemory } from './sock-diag.js';
import type { NetlinkRequest } from './socket.js';

export interface PacketSocket {
  /** SOCK.RAW, DGRAM, PACKET */
  readonly type: number;
  /** ETH_P_* */
  readonly protocol: number;
  readonly inode: number;
  readonly cookie: bigint;
  readonly info:
    | {
        /** 0: bound to none. */
        readonly interfaceIndex: number;
        readonly version: number;
        readonly reserve: number;
        readonly copyThreshold: number;
        readonly timestamp: number;
        /** PDI.* */
        readonly flags: number;
      }
    | undefined;
  readonly uid: number | undefined;
  /** PACKET_FANOUT: id | type << 16. */
  readonly fanout: number | undefined;
  readonly memory: SocketMemory | undefined;
  /** Multicast memberships, rings and filters as they came (empty ones are left out), and what nobody here knows: PACKET_DIAG number and value. */
  readonly others: ReadonlyMap<number, Uint8Array>;
}

const SHOW_ALL = Object.values(PACKET_SHOW).reduce<number>((mask, bit) => mask | bit, 0);

/** A dump of all packet sockets of the network namespace; answers are for parsePacketDiag. */
export function packetDiagRequest({ show = SHOW_ALL }: { show?: number } = {}): NetlinkRequest {
  return {
    type: SOCK_DIAG.DIAG_BY_FAMILY,
    payload: packet_diag_req.encode({ sdiag_family: AF.PACKET, pdiag_show: show, pdiag_cookie: [INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE] }),
  };
}

const knownAttributes: ReadonlySet<number> = new Set([PACKET_DIAG.INFO, PACKET_DIAG.UID, PACKET_DIAG.FANOUT, PACKET_DIAG.MEMINFO]);

/** @throws NetlinkFormatError */
export function parsePacketDiag(message: NetlinkMessage): PacketSocket {
  const { payload } = message;
  if (message.type !== SOCK_DIAG.DIAG_BY_FAMILY || payload.length < packet_diag_msg.size) throw new NetlinkFormatError('no packet_diag_msg');
  const fixed = packet_diag_msg.decode(payload);
  if (fixed.pdiag_family !== AF.PACKET) throw new NetlinkFormatError(`address family ${fixed.pdiag_family} is not packet`);
  const attributes = parseAttributes(payload.subarray(packet_diag_msg.size));
  const get = <T>(type: number, read: (value: Uint8Array) => T): T | undefined => {
    const value = attributes.get(type);
    return value === undefined ? undefined : read(value);
  };
  return {
    type: fixed.pdiag_type,
    protocol: fixed.pdiag_num,
    inode: fixed.pdiag_ino,
    cookie: cookieOf(fixed.pdiag_cookie),
    info: get(PACKET_DIAG.INFO, (value) => {
      const info = packet_diag_info.decode(value);
      return {
        interfaceIndex: info.pdi_index,
        version: info.pdi_version,
        reserve: info.pdi_reserve,
        copyThreshold: info.pdi_copy_thresh,
        timestamp: info.pdi_tstamp,
        flags: info.pdi_flags,
      };
    }),
    uid: get(PACKET_DIAG.UID, attributeU32),
    fanout: get(PACKET_DIAG.FANOUT, attributeU32),
    memory: get(PACKET_DIAG.MEMINFO, (value) => socketMemory(attributeU32s(value))),
    others: new Map([...attributes].filter(([type, value]) => !knownAttributes.has(type) && value.length > 0).map(([type, value]) => [type, value.slice()])),
  };
}
