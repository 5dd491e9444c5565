/** What lies in the netlink messages that images hold, as tables: linux/rtnetlink.h, if_addr.h, fib_rules.h, nfnetlink_conntrack.h. */

/**
 * How an attribute's bytes are shown: numbers in the machine's byte order, or (be…) in the network's; `ip` is 4 or 16 bytes;
 * `text` ends with a NUL; `u32s` any number of them; `nexthops` are struct rtnexthop, each with attributes of a route. A table: nested attributes.
 */
export type ValueKind = 'u8' | 'u16' | 'u32' | 'be16' | 'be32' | 'be64' | 'ip' | 'text' | 'u16s' | 'u32s' | 'bytes' | 'nexthops' | AttributeTable;

export interface AttributeTable {
  /** the kernel marks these as nested (NLA_F_NESTED) */
  readonly flagged: boolean;
  /** by number: the name, and what it holds */
  readonly attributes: Readonly<Record<number, readonly [name: string, kind: ValueKind]>>;
}

/** A fixed part of a message's head: its name and size, in the order in which they lie there. */
export type HeadField = readonly [name: string, kind: 'u8' | 'u32' | 'be16'];

export interface MessageSchema {
  readonly head: readonly HeadField[];
  readonly table: AttributeTable;
}

const table = (prefix: string, attributes: Readonly<Record<number, readonly [string, ValueKind]>>, flagged = false): AttributeTable => ({
  flagged,
  attributes: Object.fromEntries(Object.entries(attributes).map(([number, [name, kind]]) => [number, [`${prefix}_${name}`, kind] as const])),
});

const ADDRESS = table('IFA', {
  1: ['ADDRESS', 'ip'], 2: ['LOCAL', 'ip'], 3: ['LABEL', 'text'], 4: ['BROADCAST', 'ip'], 5: ['ANYCAST', 'ip'], 6: ['CACHEINFO', 'u32s'],
  7: ['MULTICAST', 'ip'], 8: ['FLAGS', 'u32'], 9: ['RT_PRIORITY', 'u32'], 10: ['TARGET_NETNSID', 'u32'], 11: ['PROTO', 'u8'],
});

const METRICS = table('RTAX', {
  1: ['LOCK', 'u32'], 2: ['MTU', 'u32'], 3: ['WINDOW', 'u32'], 4: ['RTT', 'u32'], 5: ['RTTVAR', 'u32'], 6: ['SSTHRESH', 'u32'], 7: ['CWND', 'u32'], 8: ['ADVMSS', 'u32'],
  9: ['REORDERING', 'u32'], 10: ['HOPLIMIT', 'u32'], 11: ['INITCWND', 'u32'], 12: ['FEATURES', 'u32'], 13: ['RTO_MIN', 'u32'], 14: ['INITRWND', 'u32'], 15: ['QUICKACK', 'u32'], 16: ['CC_ALGO', 'text'], 17: ['FASTOPEN_NO_COOKIE', 'u32'],
});

export const ROUTE = table('RTA', {
  1: ['DST', 'ip'], 2: ['SRC', 'ip'], 3: ['IIF', 'u32'], 4: ['OIF', 'u32'], 5: ['GATEWAY', 'ip'], 6: ['PRIORITY', 'u32'], 7: ['PREFSRC', 'ip'], 8: ['METRICS', METRICS], 9: ['MULTIPATH', 'nexthops'],
  11: ['FLOW', 'u32'], 12: ['CACHEINFO', 'u32s'], 15: ['TABLE', 'u32'], 16: ['MARK', 'u32'], 18: ['VIA', 'bytes'], 19: ['NEWDST', 'bytes'], 20: ['PREF', 'u8'], 21: ['ENCAP_TYPE', 'u16'], 22: ['ENCAP', 'bytes'],
  23: ['EXPIRES', 'u32'], 25: ['UID', 'u32'], 26: ['TTL_PROPAGATE', 'u8'], 27: ['IP_PROTO', 'u8'], 28: ['SPORT', 'be16'], 29: ['DPORT', 'be16'], 30: ['NH_ID', 'u32'],
});

const RULE = table('FRA', {
  1: ['DST', 'ip'], 2: ['SRC', 'ip'], 3: ['IIFNAME', 'text'], 4: ['GOTO', 'u32'], 6: ['PRIORITY', 'u32'], 10: ['FWMARK', 'u32'], 11: ['FLOW', 'u32'], 12: ['TUN_ID', 'be64'], 13: ['SUPPRESS_IFGROUP', 'u32'],
  14: ['SUPPRESS_PREFIXLEN', 'u32'], 15: ['TABLE', 'u32'], 16: ['FWMASK', 'u32'], 17: ['OIFNAME', 'text'], 19: ['L3MDEV', 'u8'], 20: ['UID_RANGE', 'u32s'], 21: ['PROTOCOL', 'u8'], 22: ['IP_PROTO', 'u8'],
  23: ['SPORT_RANGE', 'u16s'], 24: ['DPORT_RANGE', 'u16s'], 25: ['DSCP', 'u8'],
});

const nested = (prefix: string, attributes: Readonly<Record<number, readonly [string, ValueKind]>>): AttributeTable => table(prefix, attributes, true);
const CT_IP = nested('CTA_IP', { 1: ['V4_SRC', 'ip'], 2: ['V4_DST', 'ip'], 3: ['V6_SRC', 'ip'], 4: ['V6_DST', 'ip'] });
const CT_PROTO = nested('CTA_PROTO', { 1: ['NUM', 'u8'], 2: ['SRC_PORT', 'be16'], 3: ['DST_PORT', 'be16'], 4: ['ICMP_ID', 'be16'], 5: ['ICMP_TYPE', 'u8'], 6: ['ICMP_CODE', 'u8'], 7: ['ICMPV6_ID', 'be16'], 8: ['ICMPV6_TYPE', 'u8'], 9: ['ICMPV6_CODE', 'u8'] });
const CT_TUPLE = nested('CTA_TUPLE', { 1: ['IP', CT_IP], 2: ['PROTO', CT_PROTO], 3: ['ZONE', 'be16'] });
const CT_TCP = nested('CTA_PROTOINFO_TCP', { 1: ['STATE', 'u8'], 2: ['WSCALE_ORIGINAL', 'u8'], 3: ['WSCALE_REPLY', 'u8'], 4: ['FLAGS_ORIGINAL', 'bytes'], 5: ['FLAGS_REPLY', 'bytes'] });
const CT_DCCP = nested('CTA_PROTOINFO_DCCP', { 1: ['STATE', 'u8'], 2: ['ROLE', 'u8'], 3: ['HANDSHAKE_SEQ', 'be64'] });
const CT_SCTP = nested('CTA_PROTOINFO_SCTP', { 1: ['STATE', 'u8'], 2: ['VTAG_ORIGINAL', 'be32'], 3: ['VTAG_REPLY', 'be32'] });
const CT_PROTOINFO = nested('CTA_PROTOINFO', { 1: ['TCP', CT_TCP], 2: ['DCCP', CT_DCCP], 3: ['SCTP', CT_SCTP] });
const CT_HELP = nested('CTA_HELP', { 1: ['NAME', 'text'], 2: ['INFO', 'bytes'] });
const CT_COUNTERS = nested('CTA_COUNTERS', { 1: ['PACKETS', 'be64'], 2: ['BYTES', 'be64'], 3: ['32_PACKETS', 'be32'], 4: ['32_BYTES', 'be32'] });
const CT_SEQADJ = nested('CTA_SEQADJ', { 1: ['CORRECTION_POS', 'be32'], 2: ['OFFSET_BEFORE', 'be32'], 3: ['OFFSET_AFTER', 'be32'] });
const CT_SYNPROXY = nested('CTA_SYNPROXY', { 1: ['ISN', 'be32'], 2: ['ITS', 'be32'], 3: ['TSOFF', 'be32'] });

const CONNECTION = table('CTA', {
  1: ['TUPLE_ORIG', CT_TUPLE], 2: ['TUPLE_REPLY', CT_TUPLE], 3: ['STATUS', 'be32'], 4: ['PROTOINFO', CT_PROTOINFO], 5: ['HELP', CT_HELP], 7: ['TIMEOUT', 'be32'], 8: ['MARK', 'be32'],
  9: ['COUNTERS_ORIG', CT_COUNTERS], 10: ['COUNTERS_REPLY', CT_COUNTERS], 11: ['USE', 'be32'], 12: ['ID', 'be32'], 14: ['TUPLE_MASTER', CT_TUPLE], 15: ['SEQ_ADJ_ORIG', CT_SEQADJ], 16: ['SEQ_ADJ_REPLY', CT_SEQADJ],
  17: ['SECMARK', 'be32'], 18: ['ZONE', 'be16'], 19: ['SECCTX', nested('CTA_SECCTX', { 1: ['NAME', 'text'] })], 20: ['TIMESTAMP', nested('CTA_TIMESTAMP', { 1: ['START', 'be64'], 2: ['STOP', 'be64'] })], 22: ['LABELS', 'bytes'], 24: ['SYNPROXY', CT_SYNPROXY],
});

const EXPECTATION = table('CTA_EXPECT', {
  1: ['MASTER', CT_TUPLE], 2: ['TUPLE', CT_TUPLE], 3: ['MASK', CT_TUPLE], 4: ['TIMEOUT', 'be32'], 5: ['ID', 'be32'], 6: ['HELP_NAME', 'text'], 7: ['ZONE', 'be16'], 8: ['FLAGS', 'be32'], 9: ['CLASS', 'be32'],
  10: ['NAT', nested('CTA_EXPECT_NAT', { 1: ['DIR', 'be32'], 2: ['TUPLE', CT_TUPLE] })], 11: ['FN', 'text'],
});

const bytesOf = (...names: readonly string[]): HeadField[] => names.map((name) => [name, 'u8'] as const);
const NFGENMSG: readonly HeadField[] = [...bytesOf('family', 'version'), ['res_id', 'be16']];

/** By nlmsg_type. */
export const MESSAGES: Readonly<Record<number, readonly [name: string, schema: MessageSchema]>> = {
  20: ['RTM_NEWADDR', { head: [...bytesOf('family', 'prefixlen', 'ifa_flags', 'scope'), ['index', 'u32']], table: ADDRESS }],
  24: ['RTM_NEWROUTE', { head: [...bytesOf('family', 'dst_len', 'src_len', 'tos', 'table', 'protocol', 'scope', 'rtm_type'), ['rtm_flags', 'u32']], table: ROUTE }],
  32: ['RTM_NEWRULE', { head: [...bytesOf('family', 'dst_len', 'src_len', 'tos', 'table', 'res1', 'res2', 'action'), ['rule_flags', 'u32']], table: RULE }],
  // NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, and NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_NEW
  0x100: ['CT_NEW', { head: NFGENMSG, table: CONNECTION }],
  0x200: ['EXP_NEW', { head: NFGENMSG, table: EXPECTATION }],
};

/** socket.h */
export const FAMILIES: Readonly<Record<number, string>> = { 2: 'inet', 10: 'inet6' };
