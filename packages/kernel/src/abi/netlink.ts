// netlink(7), linux/netlink.h
import { defineStruct, i32, u16, u32 } from './struct.js';

/** Protocols (families) of AF.NETLINK sockets, and their socket options of level SOL.NETLINK. */
export const NETLINK = {
  ROUTE: 0,
  UNUSED: 1,
  USERSOCK: 2,
  FIREWALL: 3,
  SOCK_DIAG: 4,
  NFLOG: 5,
  XFRM: 6,
  SELINUX: 7,
  ISCSI: 8,
  AUDIT: 9,
  FIB_LOOKUP: 10,
  CONNECTOR: 11,
  NETFILTER: 12,
  IP6_FW: 13,
  DNRTMSG: 14,
  KOBJECT_UEVENT: 15,
  GENERIC: 16,
  SCSITRANSPORT: 18,
  ECRYPTFS: 19,
  RDMA: 20,
  CRYPTO: 21,
  SMC: 22,
  INET_DIAG: 4,
  ADD_MEMBERSHIP: 1,
  DROP_MEMBERSHIP: 2,
  PKTINFO: 3,
  BROADCAST_ERROR: 4,
  NO_ENOBUFS: 5,
  RX_RING: 6,
  TX_RING: 7,
  LISTEN_ALL_NSID: 8,
  LIST_MEMBERSHIPS: 9,
  CAP_ACK: 10,
  EXT_ACK: 11,
  GET_STRICT_CHK: 12,
  UNCONNECTED: 0,
  CONNECTED: 1,
} as const;

export const NLMSG = {
  ALIGNTO: 4,
  NOOP: 1,
  ERROR: 2,
  DONE: 3,
  OVERRUN: 4,
  MIN_TYPE: 16,
} as const;

export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  ECHO: 0x8,
  DUMP_INTR: 0x10,
  DUMP_FILTERED: 0x20,
  ROOT: 0x100,
  MATCH: 0x200,
  ATOMIC: 0x400,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  NONREC: 0x100,
  BULK: 0x200,
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;

export const NLA_F = {
  NESTED: 0x8000,
  NET_BYTEORDER: 0x4000,
} as const;

export const NLMSGERR_ATTR = {
  UNUSED: 0,
  MSG: 1,
  OFFS: 2,
  COOKIE: 3,
  POLICY: 4,
  MISS_TYPE: 5,
  MISS_NEST: 6,
  MAX: 6,
} as const;

export const nlmsghdr = /* @__PURE__ */ defineStruct(
  'nlmsghdr',
  {
    /** with this header, without padding */
    nlmsg_len: u32,
    nlmsg_type: u16,
    nlmsg_flags: u16,
    nlmsg_seq: u32,
    nlmsg_pid: u32,
  },
  { size: 16, header: ['sys/socket.h', 'linux/netlink.h'] },
);

export const nlattr = /* @__PURE__ */ defineStruct(
  'nlattr',
  {
    /** with this header, without padding */
    nla_len: u16,
    nla_type: u16,
  },
  { size: 4, header: ['sys/socket.h', 'linux/netlink.h'] },
);

export const nlmsgerr = /* @__PURE__ */ defineStruct(
  'nlmsgerr',
  {
    /** −errno, or 0: an acknowledgement */
    error: i32,
    msg: nlmsghdr,
  },
  { size: 20, header: ['sys/socket.h', 'linux/netlink.h'] },
);
