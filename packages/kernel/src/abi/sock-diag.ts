// sock_diag(7), linux/{sock,inet,unix,netlink,packet}_diag.h
import { array, be16, bytes, defineStruct, u16, u32, u8 } from './struct.js';

/** Message types: SOCK_DIAG.DIAG_BY_FAMILY, SOCK_DIAG.DESTROY. */
export const SOCK_DIAG = {
  DIAG_BY_FAMILY: 20,
  DESTROY: 21,
} as const;

/** Indices of the u32 array that meminfo attributes hold; bytes, but for DROPS. */
export const SK_MEMINFO = {
  RMEM_ALLOC: 0,
  RCVBUF: 1,
  WMEM_ALLOC: 2,
  SNDBUF: 3,
  FWD_ALLOC: 4,
  WMEM_QUEUED: 5,
  OPTMEM: 6,
  BACKLOG: 7,
  DROPS: 8,
  VARS: 9,
} as const;

/** Attributes of a reply; bit `attribute − 1` of idiag_ext asks for one. */
export const INET_DIAG = {
  NONE: 0,
  MEMINFO: 1,
  INFO: 2,
  VEGASINFO: 3,
  CONG: 4,
  TOS: 5,
  TCLASS: 6,
  SKMEMINFO: 7,
  SHUTDOWN: 8,
  DCTCPINFO: 9,
  PROTOCOL: 10,
  SKV6ONLY: 11,
  LOCALS: 12,
  PEERS: 13,
  PAD: 14,
  MARK: 15,
  BBRINFO: 16,
  CLASS_ID: 17,
  MD5SIG: 18,
  ULP_INFO: 19,
  SK_BPF_STORAGES: 20,
  CGROUP_ID: 21,
  SOCKOPT: 22,
  MAX: 22,
} as const;

/** Attributes of a request. */
export const INET_DIAG_REQ = {
  NONE: 0,
  BYTECODE: 1,
  SK_BPF_STORAGES: 2,
  PROTOCOL: 3,
  MAX: 3,
} as const;

/** A cookie's halves when any socket is meant. */
export const INET_DIAG_NOCOOKIE = 0xffffffff;

export const UDIAG_SHOW = {
  NAME: 0x1,
  VFS: 0x2,
  PEER: 0x4,
  ICONS: 0x8,
  RQLEN: 0x10,
  MEMINFO: 0x20,
  UID: 0x40,
} as const;

/** Attributes of a reply. */
export const UNIX_DIAG = {
  NAME: 0,
  VFS: 1,
  PEER: 2,
  ICONS: 3,
  RQLEN: 4,
  MEMINFO: 5,
  SHUTDOWN: 6,
  UID: 7,
  MAX: 7,
} as const;

export const NDIAG_SHOW = {
  MEMINFO: 0x1,
  GROUPS: 0x2,
  RING_CFG: 0x4,
  FLAGS: 0x8,
} as const;

export const NDIAG_FLAG = {
  CB_RUNNING: 0x1,
  PKTINFO: 0x2,
  BROADCAST_ERROR: 0x4,
  NO_ENOBUFS: 0x8,
  LISTEN_ALL_NSID: 0x10,
  CAP_ACK: 0x20,
} as const;

/** Attributes of a reply. */
export const NETLINK_DIAG = {
  MEMINFO: 0,
  GROUPS: 1,
  RX_RING: 2,
  TX_RING: 3,
  FLAGS: 4,
  MAX: 4,
} as const;

/** netlink_diag_req.sdiag_protocol: sockets of all netlink families. */
export const NDIAG_PROTO_ALL = 0xff;

export const PACKET_SHOW = {
  INFO: 0x1,
  MCLIST: 0x2,
  RING_CFG: 0x4,
  FANOUT: 0x8,
  MEMINFO: 0x10,
  FILTER: 0x20,
} as const;

export const PDI = {
  RUNNING: 0x1,
  AUXDATA: 0x2,
  ORIGDEV: 0x4,
  VNETHDR: 0x8,
  LOSS: 0x10,
} as const;

/** Attributes of a reply. */
export const PACKET_DIAG = {
  INFO: 0,
  MCLIST: 1,
  RX_RING: 2,
  TX_RING: 3,
  FANOUT: 4,
  UID: 5,
  MEMINFO: 6,
  FILTER: 7,
  MAX: 7,
} as const;

export const inet_diag_sockid = /* @__PURE__ */ defineStruct(
  'inet_diag_sockid',
  {
    idiag_sport: be16,
    idiag_dport: be16,
    /** IPv4: the first four */
    idiag_src: bytes(16, 4),
    idiag_dst: bytes(16, 4),
    idiag_if: u32,
    idiag_cookie: array(u32, 2),
  },
  { size: 48, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const inet_diag_req_v2 = /* @__PURE__ */ defineStruct(
  'inet_diag_req_v2',
  {
    sdiag_family: u8,
    sdiag_protocol: u8,
    idiag_ext: u8,
    /** raw sockets: sdiag_raw_protocol */
    pad: u8,
    /** bit 1 << TCP_STATE */
    idiag_states: u32,
    id: inet_diag_sockid,
  },
  { size: 56, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const inet_diag_msg = /* @__PURE__ */ defineStruct(
  'inet_diag_msg',
  {
    idiag_family: u8,
    idiag_state: u8,
    idiag_timer: u8,
    idiag_retrans: u8,
    id: inet_diag_sockid,
    /** ms */
    idiag_expires: u32,
    idiag_rqueue: u32,
    idiag_wqueue: u32,
    idiag_uid: u32,
    idiag_inode: u32,
  },
  { size: 72, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const inet_diag_meminfo = /* @__PURE__ */ defineStruct(
  'inet_diag_meminfo',
  {
    idiag_rmem: u32,
    idiag_wmem: u32,
    idiag_fmem: u32,
    idiag_tmem: u32,
  },
  { size: 16, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const unix_diag_req = /* @__PURE__ */ defineStruct(
  'unix_diag_req',
  {
    sdiag_family: u8,
    sdiag_protocol: u8,
    pad: u16,
    udiag_states: u32,
    udiag_ino: u32,
    udiag_show: u32,
    udiag_cookie: array(u32, 2),
  },
  { size: 24, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const unix_diag_msg = /* @__PURE__ */ defineStruct(
  'unix_diag_msg',
  {
    udiag_family: u8,
    udiag_type: u8,
    udiag_state: u8,
    pad: u8,
    udiag_ino: u32,
    udiag_cookie: array(u32, 2),
  },
  { size: 16, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const unix_diag_vfs = /* @__PURE__ */ defineStruct(
  'unix_diag_vfs',
  {
    udiag_vfs_ino: u32,
    /** kernel encoding */
    udiag_vfs_dev: u32,
  },
  { size: 8, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const unix_diag_rqlen = /* @__PURE__ */ defineStruct(
  'unix_diag_rqlen',
  {
    udiag_rqueue: u32,
    udiag_wqueue: u32,
  },
  { size: 8, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const netlink_diag_req = /* @__PURE__ */ defineStruct(
  'netlink_diag_req',
  {
    sdiag_family: u8,
    sdiag_protocol: u8,
    pad: u16,
    ndiag_ino: u32,
    ndiag_show: u32,
    ndiag_cookie: array(u32, 2),
  },
  { size: 20, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const netlink_diag_msg = /* @__PURE__ */ defineStruct(
  'netlink_diag_msg',
  {
    ndiag_family: u8,
    ndiag_type: u8,
    ndiag_protocol: u8,
    ndiag_state: u8,
    ndiag_portid: u32,
    ndiag_dst_portid: u32,
    ndiag_dst_group: u32,
    ndiag_ino: u32,
    ndiag_cookie: array(u32, 2),
  },
  { size: 28, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const packet_diag_req = /* @__PURE__ */ defineStruct(
  'packet_diag_req',
  {
    sdiag_family: u8,
    sdiag_protocol: u8,
    pad: u16,
    pdiag_ino: u32,
    pdiag_show: u32,
    pdiag_cookie: array(u32, 2),
  },
  { size: 20, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const packet_diag_msg = /* @__PURE__ */ defineStruct(
  'packet_diag_msg',
  {
    pdiag_family: u8,
    pdiag_type: u8,
    /** protocol, host order */
    pdiag_num: u16,
    pdiag_ino: u32,
    pdiag_cookie: array(u32, 2),
  },
  { size: 16, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);

export const packet_diag_info = /* @__PURE__ */ defineStruct(
  'packet_diag_info',
  {
    pdi_index: u32,
    pdi_version: u32,
    pdi_reserve: u32,
    pdi_copy_thresh: u32,
    pdi_tstamp: u32,
    /** PDI */
    pdi_flags: u32,
  },
  { size: 24, header: ['linux/types.h', 'linux/sock_diag.h', 'linux/inet_diag.h', 'linux/unix_diag.h', 'linux/netlink_diag.h', 'linux/packet_diag.h'] },
);
