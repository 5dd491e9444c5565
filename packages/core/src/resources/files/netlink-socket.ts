// netlink(7); what sock_diag tells: net/netlink/diag.c
import { fd_types, type netlink_sk_entry } from '@criu-ts/images';
import { AF, MSG, NDIAG_FLAG, NETLINK, SO, SOCK, sockaddr_nl, SOL, SYS, TCP_STATE } from '@criu-ts/kernel/abi';
import { dumpConsistent, netlinkDiagRequest, type NetlinkSocketInfo, parseNetlinkDiag } from '@criu-ts/kernel/netlink';
import { Memory, type OwnedFd, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, Unsupported } from '../../errors.js';
import { setSignal } from '../../files/fown.js';
import { freshOptions, readMoreOptions, writeMoreOptions } from '../../files/inet-options.js';
import { part } from '../../files/message-part.js';
import { DiagSocket, option, setOption, socket } from '../../files/socket-calls.js';
import { readSocketOptions, writeSocketOptions } from '../../files/socket-options.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileDumpContext, FileKind } from '../file-kind.js';

const NET_NAMESPACE = 2;
const EADDRINUSE = 98;
const memory = new Memory(64);

export const netlinkSocket: FileKind<netlink_sk_entry> = {
  name: 'netlink-socket',
  type: fd_types.NETLINKSK,
  recognises: ({ family }) => family === AF.NETLINK,

  judge(file, at) {
    using fd = file.open();
    const inode = Number(BigInt.asUintN(32, file.stat.ino));
    const known = socketsOf(at).get(inode) ?? unbound(fd);
    if (known === undefined) throw new Unsupported('file', 'a netlink socket of another network namespace is not supported yet', { hint: 'run the dump in the network namespace in which the process made it' });
    if (((known.flags ?? 0) & NDIAG_FLAG.CB_RUNNING) !== 0 || hasData(fd)) {
      throw new Unsupported('file', `a netlink socket (protocol ${known.protocol}) with an answer that was not read yet`, { why: 'only the kernel could send it again', hint: 'dump it when the process has read its socket' });
    }
    const { type, protocol } = known;
    return {
      id: at.id,
      ino: inode,
      protocol,
      state: known.state,
      flags: file.flags,
      portid: known.portId,
      groups: masksOf(known.groups),
      dstPortid: known.destinationPortId,
      dstGroup: known.destinationGroup,
      fown: file.fown,
      opts: readSocketOptions(fd, true),
      nsId: NET_NAMESPACE,
      type,
      moreOptions: readMoreOptions(fd, at.shared(`fresh:${AF.NETLINK}:${type}:${protocol}`, () => freshOptions({ family: AF.NETLINK, type, protocol }))),
    };
  },

  capture: (_, __, nlsk) => ({ nlsk }),

  reopen(entry) {
    const nlsk = part(entry, 'nlsk');
    const fd = socket(AF.NETLINK, nlsk.type ?? SOCK.RAW, nlsk.protocol);
    try {
      writeSocketOptions(fd, nlsk.opts);
      writeMoreOptions(fd, nlsk.moreOptions);
      if (nlsk.portid !== 0) bind(fd, nlsk.portid);
      for (const group of groupsOf(nlsk.groups)) setOption(fd, SOL.NETLINK, NETLINK.ADD_MEMBERSHIP, group);
      if (nlsk.state === NETLINK.CONNECTED) connect(fd, nlsk);
      setFlags(fd, nlsk.flags);
      setSignal(fd, nlsk.fown);
      return fd;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  },

  fown: ({ nlsk }) => nlsk?.fown,
};

function socketsOf(at: FileDumpContext): ReadonlyMap<number, NetlinkSocketInfo> {
  return at.shared('sock_diag:netlink', () => {
    using diag = new DiagSocket();
    return new Map(dumpConsistent(diag, netlinkDiagRequest()).map(parseNetlinkDiag).map((known) => [known.inode, known]));
  });
}

type Known = Pick<NetlinkSocketInfo, 'type' | 'protocol' | 'state' | 'portId' | 'groups' | 'destinationPortId' | 'destinationGroup' | 'flags'>;

/** A socket without a port is on no list. */
function unbound(fd: OwnedFd): Known | undefined {
  memory.view.setInt32(32, sockaddr_nl.size, true);
  sys(SYS.getsockname, fd.number, memory.address, memory.address + 32);
  if (sockaddr_nl.read(memory.view, 0).nl_pid !== 0) return undefined;
  const type = option(fd, SOL.SOCKET, SO.TYPE);
  return { type, protocol: option(fd, SOL.SOCKET, SO.PROTOCOL), state: TCP_STATE.CLOSE, portId: 0, groups: [], destinationPortId: 0, destinationGroup: 0, flags: 0 };
}

/** An error that waits (ENOBUFS) is no answer; looking at it takes it, as the next read would. */
const hasData = (fd: OwnedFd): boolean => rawSyscall(SYS.recvfrom, fd.number, memory.address, 1, MSG.PEEK | MSG.DONTWAIT | MSG.TRUNC, 0, 0) >= 0;

/** Group 1 is bit 0 of the first word. */
function masksOf(groups: readonly number[]): number[] {
  const words = new Uint32Array(groups.length === 0 ? 0 : Math.ceil(Math.max(...groups) / 32));
  for (const group of groups) words[(group - 1) >>> 5] = ((words[(group - 1) >>> 5] as number) | (1 << ((group - 1) & 31))) >>> 0;
  return [...words];
}

function groupsOf(masks: readonly number[]): number[] {
  return masks.flatMap((mask, word) => Array.from({ length: 32 }, (_, bit) => (((mask >>> bit) & 1) === 1 ? [32 * word + bit + 1] : [])).flat());
}

function address(call: number, name: string, fd: OwnedFd, port: number, groups: number): void {
  sockaddr_nl.write(memory.view, 0, { nl_family: AF.NETLINK, nl_pad: 0, nl_pid: port, nl_groups: groups });
  const result = rawSyscall(call, fd.number, memory.address, sockaddr_nl.size);
  if (result === -EADDRINUSE) throw new HostLacks('name-taken', `another socket has the netlink port ${port}`, { hint: 'end the process that has it (see /proc/net/netlink)' });
  if (result < 0) throw new SyscallFailed(`${name}(netlink port ${port})`, -result);
}

const bind = (fd: OwnedFd, port: number): void => address(SYS.bind, 'bind', fd, port, 0);

/** The kernel is told a mask, and keeps the number of its lowest group. */
function connect(fd: OwnedFd, { dstPortid, dstGroup }: netlink_sk_entry): void {
  address(SYS.connect, 'connect', fd, dstPortid, dstGroup === 0 || dstGroup > 32 ? 0 : (1 << (dstGroup - 1)) >>> 0);
}
