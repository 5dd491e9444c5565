// Sockets, network namespaces, filters.
import { AF, CLONE, IPPROTO, NETLINK, NLM_F, NLMSG, SHUT, SO, SOCK, SOL, SYS, TCP } from '@criu-ts/kernel/abi';
import { AttributeWriter, dumpConsistent, inetDiagRequest, isUnsupported, listAttributes, NetlinkError, type NetlinkSocket, buildRequest, dump, parseMessages, parseVerdict, transact } from '@criu-ts/kernel/netlink';
import { OwnedFd, rawSyscall, tryIoctl } from '@criu-ts/kernel/sys';
import { addressOf, bind, connect, DiagSocket, listen, setOption, shutdown, socket, tryOption } from '../files/socket-calls.js';
import { type Bench, fetch } from './bench.js';
import { type Feature, feature, ownFeature } from './feature.js';

const SIOCGSKNS = 0x894c;
const SIOCUNIXFILE = 0x89e0;
const ENOENT = -2;
const ERANGE = 34;
const IPV6_FREEBIND = 78;

/** linux/rtnetlink.h, linux/if_link.h, linux/net_namespace.h */
const RTM = { NEWLINK: 16, GETLINK: 18, SETLINK: 19, GETNSID: 90 } as const;
const IFLA = { IFNAME: 3, LINKINFO: 18, NET_NS_FD: 28, LINK_NETNSID: 37, NEW_IFINDEX: 49 } as const;
const IFLA_INFO = { KIND: 1, DATA: 2 } as const;
const VETH_INFO_PEER = 1;
const NETNSA = { NSID: 1, PID: 2 } as const;
const IFINFOMSG = 16;

/** linux/netfilter/nfnetlink.h, nf_tables.h */
const NFNL = { BATCH_BEGIN: 16, BATCH_END: 17 } as const;
const NFT = { NEWTABLE: 0xa00, NEWSET: 0xa09, GETGEN: 0xa10 } as const;
const NFTA_TABLE_NAME = 1;
const NFTA_SET = { TABLE: 1, NAME: 2, FLAGS: 3, KEY_TYPE: 4, KEY_LEN: 5, ID: 10 } as const;
const NFPROTO_INET = 1;
const SUBSYS_NFTABLES = 10;
const IPT_SO_GET_INFO = 64;
/** struct ipt_getinfo */
const IPT_GETINFO = 84;

/** struct ifinfomsg of no interface in particular, and attributes. */
function link(attributes: AttributeWriter): Uint8Array {
  return Buffer.concat([new Uint8Array(IFINFOMSG), attributes.finish()]);
}

/** struct nfgenmsg */
function nfnetlink(family: number, resource: number, attributes?: AttributeWriter): Uint8Array {
  return Buffer.concat([Uint8Array.of(family, 0, resource >> 8, resource & 0xff), attributes?.finish() ?? new Uint8Array(0)]);
}

/** Two network namespaces with a veth pair between them: does the one end tell where the other is? */
function tellsLinkNamespace(bench: Bench): boolean | string {
  return bench.inEmptyNetwork(NETLINK.ROUTE, (route) =>
    bench.withPuppet((other) => {
      other.call(SYS.unshare, CLONE.NEWNET);
      using namespace = fetch(other, other.batch((b) => {
        const ref = b.call(SYS.openat, -100, b.bytes(Buffer.from('/proc/self/ns/net\0')), 0, 0);
        b.run();
        return b.result(ref);
      }));
      const peer = new AttributeWriter().text(IFLA.IFNAME, 'far').u32(IFLA.NET_NS_FD, namespace.number);
      const attributes = new AttributeWriter().text(IFLA.IFNAME, 'near').nest(IFLA.LINKINFO, (info) => info.text(IFLA_INFO.KIND, 'veth').nest(IFLA_INFO.DATA, (data) => data.bytes(VETH_INFO_PEER, link(peer))));
      transact(route, { type: RTM.NEWLINK, flags: NLM_F.CREATE | NLM_F.EXCL, payload: link(attributes) });
      const links = dump(route, { type: RTM.GETLINK, payload: new Uint8Array(IFINFOMSG) });
      return links.some(({ payload }) => listAttributes(payload.subarray(IFINFOMSG)).some(([type]) => type === IFLA.LINK_NETNSID)) || 'a link does not tell the namespace of its other end';
    }),
  );
}

/** A set whose keys are a protocol and an address: what a lock of single connections is made of. */
function hasConcatenatedSets(socket: NetlinkSocket): boolean {
  const table = new AttributeWriter().text(NFTA_TABLE_NAME, 'check');
  const set = new AttributeWriter().text(NFTA_SET.TABLE, 'check').text(NFTA_SET.NAME, 'pairs').be32(NFTA_SET.FLAGS, 0).be32(NFTA_SET.KEY_TYPE, (12 << 6) | 7).be32(NFTA_SET.KEY_LEN, 8).be32(NFTA_SET.ID, 1);
  const messages = [
    { type: NFNL.BATCH_BEGIN, payload: nfnetlink(0, SUBSYS_NFTABLES) },
    { type: NFT.NEWTABLE, flags: NLM_F.CREATE, payload: nfnetlink(NFPROTO_INET, 0, table) },
    { type: NFT.NEWSET, flags: NLM_F.CREATE | NLM_F.ACK, payload: nfnetlink(NFPROTO_INET, 0, set) },
    { type: NFNL.BATCH_END, payload: nfnetlink(0, SUBSYS_NFTABLES) },
  ];
  transactBatch(socket, messages);
  return true;
}

/** One datagram of several requests, as nfnetlink has its batches; waits for the one acknowledgement. @throws NetlinkError */
function transactBatch(socket: NetlinkSocket, messages: readonly { readonly type: number; readonly flags?: number; readonly payload: Uint8Array }[]): void {
  const seq = 1;
  socket.send(Buffer.concat(messages.map((message) => buildRequest({ ...message, seq }))));
  for (const message of parseMessages(socket.receive())) {
    const error = message.type === NLMSG.ERROR ? parseVerdict(message) : undefined;
    if (error !== undefined) throw error;
  }
}

export const networkFeatures: readonly Feature[] = [
  ownFeature('tcp_repair_window', 'extra', { neededFor: 'restoring the window of TCP connections', without: 'connections may stall for a moment after a restore', since: '4.8' }, () => {
    using one = socket(AF.INET, SOCK.STREAM, 0);
    setOption(one, SOL.TCP, TCP.REPAIR, 1);
    return tryOption(one, SOL.TCP, TCP.REPAIR_WINDOW, 20) !== undefined;
  }),
  feature('tcp_half_closed', 'extra', { neededFor: 'TCP connections that one side has closed', without: 'have such connections end before the dump', since: '4.9' }, () => {
    const loopback = { port: 0, address: Uint8Array.of(127, 0, 0, 1), scope: 0 };
    using server = socket(AF.INET, SOCK.STREAM, 0);
    bind(server, loopback);
    listen(server, 1);
    using client = socket(AF.INET, SOCK.STREAM, 0);
    const { port } = addressOf(server, false) ?? { port: 0 };
    connect(client, { ...loopback, port });
    shutdown(client, SHUT.WR);
    setOption(client, SOL.TCP, TCP.REPAIR, 1);
    return true;
  }),
  feature('net_diag_raw', 'extra', { neededFor: 'raw sockets, as CRIU finds them', without: 'nothing is lost: they are read from /proc/net/raw', since: '4.10' }, () => {
    using diag = new DiagSocket();
    try {
      dumpConsistent(diag, inetDiagRequest({ family: AF.INET, protocol: IPPROTO.RAW }));
      return true;
    } catch (error) {
      if (isUnsupported(error)) return 'the kernel does not list raw sockets';
      throw error;
    }
  }),
  feature('sockopt_buf_lock', 'extra', { neededFor: 'keeping fixed sizes of socket buffers', without: 'sizes are kept, that they are fixed is lost', since: '5.15' }, () => {
    using one = socket(AF.INET, SOCK.STREAM, 0);
    return tryOption(one, SOL.SOCKET, SO.BUF_LOCK, 4) !== undefined;
  }),
  feature('ipv6_freebind', 'extra', { neededFor: 'IPv6 sockets bound to an address that is not there', without: 'the option is lost', since: '4.15, CONFIG_IPV6' }, () => {
    using one = socket(AF.INET6, SOCK.DGRAM, 0);
    setOption(one, SOL.IPV6, IPV6_FREEBIND, 1);
    return true;
  }),
  feature('sk_ns', 'extra', { neededFor: 'sockets of several network namespaces', without: 'run criu-ts in the network namespace of the processes', since: '4.10' }, () => {
    using one = socket(AF.INET, SOCK.DGRAM, 0);
    const result = tryIoctl(one, SIOCGSKNS);
    if (result >= 0) new OwnedFd(result)[Symbol.dispose]();
    return result >= 0;
  }),
  feature('sk_unix_file', 'named', { neededFor: 'unix sockets whose file was removed or moved', without: 'such sockets are found by their names only', since: '4.15' }, () => {
    using one = socket(AF.UNIX, SOCK.STREAM, 0);
    // Without a file: what matters is that the kernel knows the question.
    return tryIoctl(one, SIOCUNIXFILE) === ENOENT;
  }),
  feature('nsid', 'named', { neededFor: 'network namespaces that refer to one another', without: 'dump one network namespace at a time', since: '4.0' }, ({ withRoute }) =>
    withRoute((route) => {
      const payload = Buffer.concat([new Uint8Array(4), new AttributeWriter().u32(NETNSA.PID, process.pid).finish()]);
      const [answer] = transact(route, { type: RTM.GETNSID, payload });
      return answer !== undefined && listAttributes(answer.payload.subarray(4)).some(([type]) => type === NETNSA.NSID);
    }),
  ),
  feature('link_nsid', 'named', { neededFor: 'veth pairs between network namespaces', without: 'name them with --external veth[…]', since: '4.0' }, tellsLinkNamespace),
  feature('newifindex', 'extra', { neededFor: 'network devices that keep their numbers when they move to another namespace', without: 'a newer kernel', since: '5.12' }, ({ inEmptyNetwork }) =>
    inEmptyNetwork(NETLINK.ROUTE, (route) => {
      try {
        // No such device, and no such number: who knows the attribute complains of that first.
        transact(route, { type: RTM.SETLINK, payload: link(new AttributeWriter().text(IFLA.IFNAME, 'check0').u32(IFLA.NEW_IFINDEX, 0xffff_ffff)) });
        return false;
      } catch (error) {
        return error instanceof NetlinkError && error.errno === ERANGE;
      }
    }),
  ),
  feature('nftables', 'named', { neededFor: 'rules of nftables in network namespaces', without: 'a kernel with CONFIG_NF_TABLES', since: '3.13' }, ({ inEmptyNetwork }) =>
    inEmptyNetwork(NETLINK.NETFILTER, (netfilter) => {
      transact(netfilter, { type: NFT.GETGEN, payload: nfnetlink(0, 0) });
      return true;
    }),
  ),
  feature('network_lock_nftables', 'extra', { neededFor: 'keeping TCP connections silent between dump and restore, by nftables', without: 'use --network-lock iptables', since: '4.1, CONFIG_NF_TABLES' }, ({ inEmptyNetwork }) => inEmptyNetwork(NETLINK.NETFILTER, hasConcatenatedSets)),
  feature('has_ipt_legacy', 'named', { neededFor: 'rules of iptables that were made by its old form', without: 'the rules of nftables are all that is needed', since: 'CONFIG_IP_NF_IPTABLES_LEGACY' }, ({ memory, withPuppet }) =>
    withPuppet((puppet) => {
      puppet.call(SYS.unshare, CLONE.NEWNET);
      using raw = fetch(puppet, puppet.call(SYS.socket, AF.INET, SOCK.RAW, IPPROTO.RAW));
      memory.bytes.fill(0, 0, IPT_GETINFO);
      memory.putString('filter');
      memory.view.setUint32(1024, IPT_GETINFO, true);
      return rawSyscall(SYS.getsockopt, raw.number, SOL.IP, IPT_SO_GET_INFO, memory.address, memory.address + 1024) === 0;
    }),
  ),
];
