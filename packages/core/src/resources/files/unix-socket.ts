// unix(7)
import { fd_types, type file_entry, IMAGE_TYPES, type sk_shutdown, type unix_sk_entry } from '@criu-ts/images';
import { AF, ERRNO, SCM, SOCK, TCP_STATE } from '@criu-ts/kernel/abi';
import { dumpConsistent, parseUnixDiag, unixDiagRequest, type UnixSocket } from '@criu-ts/kernel/netlink';
import { kill, type OwnedFd } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import { NO_OWNER } from '../../files/fown.js';
import { freshOptions, readMoreOptions } from '../../files/inet-options.js';
import { part } from '../../files/message-part.js';
import { readPeerCredentials, type PeerCredentials } from '../../files/peer-credentials.js';
import { DiagSocket, poll } from '../../files/socket-calls.js';
import { readSocketOptions } from '../../files/socket-options.js';
import { isPath, nameOf, nameText } from '../../files/unix-calls.js';
import { judgePlace, preflightPlace } from '../../files/unix-place.js';
import { hasUrgent, type Message, type Packet, peekQueue } from '../../files/unix-queue.js';
import { EXTERNAL, liveSockets, UnixSockets } from '../../files/unix-sockets.js';
import type { FileDumpContext, FileKind, InspectedFile } from '../file-kind.js';

const POLLERR = 8;
const NO_NAME = new Uint8Array(0);
/** Our own network namespace in the images (ids-PID.img). */
const NET_NAMESPACE = 2;

interface JudgedUnix {
  readonly usk: unix_sk_entry;
  readonly known: UnixSocket;
  /** The peer, where it is outside of the tree and will be there again. */
  readonly external: UnixSocket | undefined;
}

export const unixSocket: FileKind<JudgedUnix> = {
  name: 'unix-socket',
  type: fd_types.UNIXSK,
  // Only unix sockets count the descriptors in their queues.
  recognises: ({ link, info }) => link.startsWith('socket:[') && info?.scmFds !== undefined,

  collect(file, at) {
    if ((file.info?.scmFds ?? 0) === 0) return;
    const known = listOf(at).byInode.get(inodeOf(file));
    if (known === undefined || known.state === TCP_STATE.LISTEN) return;
    using fd = file.open();
    const messages = peekQueue(fd, known.type, known.receiveQueue ?? 0);
    const queue = messages.map((message) => toPacket(message, at.id, message.rights.map((right) => at.addHeld(right))));
    at.shared(queueKey(at.id), () => queue);
  },

  judge(file, at) {
    const known = listOf(at).byInode.get(inodeOf(file));
    if (known === undefined) throw new Unsupported('file', 'a unix socket of another network namespace is not supported yet', { hint: 'run the dump in the network namespace in which the process made it' });
    using fd = file.open();
    if ((poll(fd, 0) & POLLERR) !== 0) throw new Unsupported('file', 'an error waits at a unix socket', { why: 'looking at it would take it away (SO_ERROR)', hint: 'dump it when the process has read its socket' });
    if (hasUrgent(fd, known.type)) throw new Unsupported('file', 'urgent data wait in the queue of a unix socket (MSG_OOB)', { hint: 'dump it when the process has read them' });
    const external = known.type === SOCK.DGRAM ? judgeDatagram(known, at) : judgeConnection(known, at);
    const opts = readSocketOptions(fd, true);
    if (known.state !== TCP_STATE.LISTEN && opts.soPasscred === true) judgeSenders(queueOf(fd, known, at));
    // 0: there is a peer, but it is gone. Datagram sockets to which others are connected are "established" without any.
    const peerName = known.state === TCP_STATE.ESTABLISHED && known.peer === 0 && !listOf(at).listenerOf.has(known.inode) ? nameOf(fd, true) : undefined;
    const fileMatters = known.state !== TCP_STATE.ESTABLISHED || known.type === SOCK.DGRAM;
    const usk: unix_sk_entry = {
      id: at.id,
      ino: known.inode,
      type: known.type,
      state: known.state,
      flags: file.flags,
      uflags: 0,
      backlog: known.sendQueue ?? 0,
      // As CRIU has it: who is not accepted yet is connected to who listens.
      peer: listOf(at).listenerOf.get(known.inode) ?? known.peer ?? 0,
      pending: [...(known.pending ?? [])],
      fown: file.fown,
      opts,
      otherNames: [],
      ...judgePlace(fd, known, fileMatters),
      ...((known.shutdown ?? 0) !== 0 && { shutdown: known.shutdown as sk_shutdown }),
      nsId: NET_NAMESPACE,
      moreOptions: readMoreOptions(fd, at.shared(`fresh:${AF.UNIX}:${known.type}`, () => freshOptions({ family: AF.UNIX, type: known.type, protocol: 0 }))),
      ...(peerName !== undefined && { peerName }),
      ...peerCredentials(fd, file, at),
    };
    return { usk, known, external };
  },

  capture(file, at, { usk, known, external }) {
    if (external !== undefined) at.shared(`unix-external:${external.inode}`, () => appendExternal(external, usk, at));
    if (known.state !== TCP_STATE.LISTEN) {
      using fd = file.open();
      for (const packet of queueOf(fd, known, at)) at.append(IMAGE_TYPES.skQueues, packet);
    }
    return { usk };
  },

  preflight(entry, at) {
    const usk = part(entry, 'usk');
    using inherited = at.inherited(`socket:[${usk.ino}]`);
    // Names of connected ones take no place, or only for a moment.
    if (inherited === undefined && usk.state !== TCP_STATE.ESTABLISHED && (usk.uflags & EXTERNAL) === 0) {
      preflightPlace(usk, usk.type, at.shared('live-unix-sockets', liveSockets));
    }
  },

  reopen(entry, at) {
    const usk = part(entry, 'usk');
    const inherited = at.inherited(`socket:[${usk.ino}]`);
    if (inherited !== undefined) return inherited;
    return at.shared('unix-sockets', () => new UnixSockets(at)).take(usk);
  },

  fown: ({ usk }) => usk?.fown,
};

/** Of a process outside of the tree only user and groups can be kept; one that has ended is stood in for. */
function peerCredentials(fd: OwnedFd, { task, fd: number }: InspectedFile, at: FileDumpContext): PeerCredentials {
  const found = readPeerCredentials(fd);
  const { peerPid } = found;
  if (peerPid !== undefined && !at.hasProcess(peerPid) && kill(peerPid, 0) !== -ERRNO.ESRCH) at.emit({ type: 'warning', task, text: `fd ${number}: process ${peerPid}, of which the unix socket tells as its peer (SO_PEERCRED), is not in the tree: it will tell of another one` });
  return found;
}

const inodeOf = ({ stat }: InspectedFile): number => Number(BigInt.asUintN(32, stat.ino));

interface SocketList {
  readonly byInode: ReadonlyMap<number, UnixSocket>;
  /** Of clients that are not accepted yet: the listening socket. */
  readonly listenerOf: ReadonlyMap<number, number>;
}

function listOf(at: FileDumpContext): SocketList {
  return at.shared('sock_diag:unix', () => {
    using diag = new DiagSocket();
    const sockets = dumpConsistent(diag, unixDiagRequest()).map(parseUnixDiag);
    return {
      byInode: new Map(sockets.map((known) => [known.inode, known])),
      listenerOf: new Map(sockets.flatMap(({ inode, pending = [] }) => pending.map((client) => [client, inode] as const))),
    };
  });
}

/** Sockets of the tree, by their inodes; queues have been looked into. */
function treeSockets(at: FileDumpContext): ReadonlySet<number> {
  return at.shared('sockets-in-tree', () => new Set(at.allFiles().flatMap(({ file }) => (file.link.startsWith('socket:[') ? [inodeOf(file)] : []))));
}

const shown = ({ name }: UnixSocket): string => (name === undefined ? '' : ` ${nameText(name)}`);

/** SOCK_STREAM, SOCK_SEQPACKET */
function judgeConnection(known: UnixSocket, at: FileDumpContext): undefined {
  const { state, inode, peer = 0, shutdown } = known;
  const { listenerOf, byInode } = listOf(at);
  const inTree = treeSockets(at);
  if (state === TCP_STATE.LISTEN) {
    judgePending(known, inTree);
    return;
  }
  if (state !== TCP_STATE.ESTABLISHED) return;
  const listener = listenerOf.get(inode);
  if (listener !== undefined) {
    if (!inTree.has(listener)) throw new Unsupported('file', 'a unix connection that was not accepted yet, by a server outside of the tree', { hint: 'dump it when the server has accepted it, and closed it' });
    if ((known.sendQueue ?? 0) > 0) throw new Unsupported('file', 'a unix connection that was not accepted yet, with data in it', { why: 'only the one who accepts it can read them', hint: 'dump it when the server has accepted it' });
    return;
  }
  if (peer !== 0) {
    if (inTree.has(peer)) return;
    const other = byInode.get(peer);
    const ends = other?.name ?? known.name;
    throw new Unsupported('file', `a unix connection${ends === undefined ? '' : ` (${nameText(ends)})`} whose other end is outside of the tree is not supported`, {
      why: 'a stream can not be taken up again with a process that was not dumped',
      hint: 'dump the other process too (a common ancestor as the root of the tree), or close the connection',
    });
  }
  if (shutdown !== 3) throw new Unsupported('file', 'a unix connection whose other end can not be found', { hint: 'dump it later' });
}

/** Whoever connected stands in the tree, or can't be made again. */
function judgePending({ pending = [], receiveQueue = 0, name }: UnixSocket, inTree: ReadonlySet<number>): void {
  const lost = Math.max(pending.length, receiveQueue) - pending.filter((client) => inTree.has(client)).length;
  if (lost === 0) return;
  throw new Unsupported('file', `${lost} connections to the unix socket${name === undefined ? '' : ` ${nameText(name)}`} were not accepted yet, and come from outside of the tree, or are closed already`, { why: 'connections in the queue of a listening socket belong to no descriptor', hint: 'dump it when it has accepted them' });
}

/** @returns the peer outside of the tree */
function judgeDatagram(known: UnixSocket, at: FileDumpContext): UnixSocket | undefined {
  const { inode, peer = 0 } = known;
  if (peer === 0) return undefined;
  const { byInode } = listOf(at);
  const inTree = treeSockets(at);
  const other = byInode.get(peer);
  if (other === undefined) throw new Unsupported('file', 'a unix datagram socket whose peer can not be found', { why: 'the peer was made in another network namespace' });
  if (inTree.has(peer)) {
    if (other.peer !== inode && other.name === undefined) throw new Unsupported('file', 'a unix datagram socket whose peer has no name, and another peer itself', { why: 'there is no way to connect to such a socket' });
    return undefined;
  }
  if (other.name === undefined) throw new Unsupported('file', 'a unix datagram socket whose peer is outside of the tree, and has no name', { why: 'there is no way to connect to it again' });
  if (at.options.extUnixSk !== true) {
    throw new Unsupported('file', `a unix datagram socket whose peer${shown(other)} is outside of the tree`, { why: 'it must be connected anew at the restore', hint: 'allow it with --ext-unix-sk' });
  }
  if (isPath(other.name) && other.name[0] !== 0x2f) throw new Unsupported('file', `a unix datagram socket whose peer${shown(other)}, outside of the tree, is bound to a relative name`, { why: 'nobody tells to what it is relative' });
  return other;
}

/** The peer stands in files.img, too, without a descriptor. */
function appendExternal({ inode, name = NO_NAME }: UnixSocket, { opts }: unix_sk_entry, at: FileDumpContext): void {
  const id = at.nextFileId();
  const usk: unix_sk_entry = { id, ino: inode, type: SOCK.DGRAM, state: TCP_STATE.LISTEN, flags: 0, uflags: EXTERNAL, backlog: 0, peer: 0, fown: NO_OWNER, opts: { ...opts, soFilter: [] }, name, moreOptions: [], pending: [], peerGroups: [], otherNames: [] };
  at.append<file_entry>(IMAGE_TYPES.files, { type: fd_types.UNIXSK, id, usk });
}

const queueKey = (id: number): string => `unix-queue:${id}`;

/** Everything that waits at the socket; looked at once. */
function queueOf(fd: OwnedFd, { type, receiveQueue = 0 }: UnixSocket, at: FileDumpContext): readonly Packet[] {
  return at.shared(queueKey(at.id), () => peekQueue(fd, type, receiveQueue).map((message) => toPacket(message, at.id, [])));
}

function toPacket({ bytes, sender, credentials }: Message, idFor: number, rights: number[]): Packet {
  return {
    message: {
      idFor,
      length: bytes.length,
      scm: rights.length === 0 ? [] : [{ type: SCM.RIGHTS, rights }],
      ...(sender.length > 0 && { sender }),
      ...(credentials !== undefined && { senderPid: credentials.pid, senderUid: credentials.uid, senderGid: credentials.gid }),
    },
    payload: bytes,
  };
}

/** The kernel tells the receiver who sent the data only as long as that process is there. */
function judgeSenders(queue: readonly Packet[]): void {
  if (queue.some(({ message }) => message.senderPid === 0)) {
    throw new Unsupported('file', 'data of a process that has ended wait in the queue of a unix socket that tells the senders of data (SO_PASSCRED)', { why: 'nobody could send them again', hint: 'dump it when the process has read them' });
  }
}
