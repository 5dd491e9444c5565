// All unix sockets of the images, made anew in our process: each when it is asked for, together with whom it is connected to.
import { sk_shutdown, type unix_sk_entry } from '@criu-ts/images';
import { AF, F, SHUT, SO, SOCK, SOL, TCP_STATE } from '@criu-ts/kernel/abi';
import { dumpConsistent, parseUnixDiag, unixDiagRequest } from '@criu-ts/kernel/netlink';
import { fcntl, type OwnedFd, OwnedFd as Owned, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, ImageCorrupt, Unsupported } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { fileEntries } from './file-entries.js';
import { setSignal } from './fown.js';
import { writeMoreOptions } from './inet-options.js';
import type { FileStat } from './paths.js';
import { PeerCalls, type PeerCredentials } from './peer-credentials.js';
import { DiagSocket, setOption, shutdown, socket } from './socket-calls.js';
import { writeSocketOptions } from './socket-options.js';
import { setFlags } from './status-flags.js';
import { accept, bindName, connectName, disconnect, isPath, nameText, reach, sameName } from './unix-calls.js';
import { bindPlace, boundTo, type Place } from './unix-place.js';
import { makeRoom, needsAll, type Packet, packetsFor, send } from './unix-queue.js';

/** unix_sk_entry.uflags: the peer of one of ours, and no socket of ours itself. */
export const EXTERNAL = 1;
/** Of a connection to the CRIU service that asked for the dump; made by a plugin. */
const FOREIGN_FLAGS = 2 | 4;
/** Of a connection: its name, and of whom it tells as its peer. */
type End = Place & PeerCredentials;
const NOWHERE: Place = { name: new Uint8Array(0) };

export class UnixSockets {
  readonly #at: FileRestoreContext;
  readonly #entries: readonly unix_sk_entry[];
  readonly #byInode: ReadonlyMap<number, unix_sk_entry>;
  /** Made, and not yet asked for. */
  readonly #made = new Map<number, OwnedFd>();
  /** Ours until all stand: others must be able to connect to them. */
  readonly #kept = new Map<number, OwnedFd>();
  readonly #finished = new Set<number>();
  readonly #calls: PeerCalls;
  #datagramsWait: boolean | undefined;
  #live: ((file: FileStat) => boolean) | undefined;

  constructor(at: FileRestoreContext) {
    this.#at = at;
    this.#calls = new PeerCalls(at);
    this.#entries = fileEntries(at).flatMap(({ usk }) => (usk === undefined ? [] : [usk]));
    this.#byInode = new Map(this.#entries.map((entry) => [entry.ino, entry]));
    const close = (): void => {
      for (const fd of [...this.#made.values(), ...this.#kept.values()]) fd[Symbol.dispose]();
      this.#made.clear();
      this.#kept.clear();
    };
    // A connection's end that nobody took must go before the tasks run: the other one waits for the end of file.
    at.whenInstalled(close);
    at.defer(close);
  }

  /** @returns the caller's */
  take(entry: unix_sk_entry): OwnedFd {
    const { id } = entry;
    if (!this.#made.has(id)) this.#make(entry);
    const fd = this.#made.get(id);
    if (fd === undefined) throw new ImageCorrupt(`unix socket ${entry.ino} is used twice`, { object: 'files.img' });
    this.#made.delete(id);
    return fd;
  }

  #make(entry: unix_sk_entry): void {
    if ((entry.uflags & FOREIGN_FLAGS) !== 0) throw new Unsupported('file', `a unix socket with the flags 0x${entry.uflags.toString(16)} can not be restored`);
    if (entry.type === SOCK.DGRAM) this.#makeDatagram(entry);
    else if (entry.state === TCP_STATE.ESTABLISHED) this.#makeConnection(entry);
    else this.#makeAlone(entry);
  }

  #peerOf({ ino, peer }: unix_sk_entry): unix_sk_entry | undefined {
    if (peer === 0) return undefined;
    const found = this.#byInode.get(peer);
    if (found === undefined) throw new ImageCorrupt(`files.img lacks unix socket ${peer}, the peer of ${ino}`);
    return found;
  }

  #bind(fd: OwnedFd, place: Place): void {
    bindPlace(fd, place, (file) => (this.#live ??= liveSockets())(file));
  }

  #add({ id }: unix_sk_entry, fd: OwnedFd): OwnedFd {
    this.#made.set(id, fd);
    return fd;
  }

  /** A duplicate stays, for those who will connect to it. */
  #keep({ id }: unix_sk_entry, fd: OwnedFd): OwnedFd {
    const kept = new Owned(fcntl(fd, F.DUPFD_CLOEXEC));
    this.#kept.set(id, kept);
    return kept;
  }

  /** Listening, or neither that nor connected. */
  #makeAlone(entry: unix_sk_entry): void {
    const fd = this.#add(entry, socket(AF.UNIX, entry.type, 0));
    this.#bind(fd, entry);
    if (entry.state === TCP_STATE.LISTEN) {
      this.#calls.listen(fd, entry.backlog, entry);
      this.#keep(entry, fd);
      this.#makePending(entry);
    }
    settle(fd, entry);
  }

  /** Clients that wait to be accepted, in their order; not before all connections through this listener are made. */
  #makePending(listener: unix_sk_entry): void {
    const place = ({ ino }: unix_sk_entry): number => listener.pending.indexOf(ino);
    const clients = this.#entries.filter((entry) => entry.peer === listener.ino && entry.type === listener.type).sort((a, b) => place(a) - place(b));
    for (const client of clients) {
      const fd = this.#add(client, socket(AF.UNIX, client.type, 0));
      this.#bind(fd, client);
      this.#later([fd, this.#kept.get(listener.id) as OwnedFd], (own, kept) => {
        reach(kept, (name) => connectName(own, name));
        settle(own, client);
      });
    }
  }

  /** Done when all files are open, with duplicates of these. */
  #later([first, second]: readonly [OwnedFd, OwnedFd], action: (first: OwnedFd, second: OwnedFd) => void): void {
    const kept = [first, second].map((fd) => new Owned(fcntl(fd, F.DUPFD_CLOEXEC))) as [OwnedFd, OwnedFd];
    const close = (): void => kept.forEach((fd) => fd[Symbol.dispose]());
    this.#at.defer(close);
    this.#at.whenOpen(() => {
      action(...kept);
      close();
    });
  }

  #queueNeedsAll({ id }: unix_sk_entry): boolean {
    return packetsFor(id, this.#at).some(needsAll);
  }

  /** SOCK_STREAM, SOCK_SEQPACKET: both ends at once. */
  #makeConnection(entry: unix_sk_entry): void {
    const peer = this.#peerOf(entry);
    if (peer === undefined) return this.#makeAbandoned(entry);
    if (peer.state === TCP_STATE.LISTEN) return this.#make(peer);
    if (peer.peer !== entry.ino) throw new ImageCorrupt(`unix socket ${entry.ino} is connected to ${peer.ino}, which is not connected to it`, { object: 'files.img' });
    const [own, other] = this.#connect(entry.type, entry, peer);
    this.#add(entry, own);
    this.#add(peer, other);
    const finish = (first: OwnedFd, second: OwnedFd): void => {
      this.#fill(second, entry);
      this.#fill(first, peer);
      settle(first, entry);
      settle(second, peer);
    };
    if (this.#queueNeedsAll(entry) || this.#queueNeedsAll(peer)) this.#later([own, other], finish);
    else finish(own, other);
  }

  /** The other end is gone. */
  #makeAbandoned(entry: unix_sk_entry): void {
    const [own, other] = this.#connect(entry.type, entry, { name: entry.peerName ?? NOWHERE.name, deleted: true, peerGroups: [] });
    using gone = other;
    this.#add(entry, own);
    this.#fillNow(gone, own, entry);
    settle(own, { ...entry, shutdown: sk_shutdown.NONE });
  }

  /**
   * Connected sockets with these names. Names of accepted ones are those of the socket that listened, and take no
   * place: bind(2) could not give them.
   */
  #connect(type: number, first: End, second: End): [OwnedFd, OwnedFd] {
    if (first.name.length === 0 && second.name.length === 0) return this.#calls.pair(type, first);
    const firstAccepted = second.name.length === 0 || (first.name.length > 0 && this.#listenerOf(type, second) === undefined && this.#listenerOf(type, first) !== undefined);
    const [server, client] = firstAccepted ? [first, second] : [second, first];
    const connecting = socket(AF.UNIX, type, 0);
    try {
      if (client.name.length > 0) this.#bind(connecting, client);
      const accepted = this.#withListener(type, server, client, (listener) => {
        this.#calls.connect(connecting, listener, server);
        return accept(listener);
      });
      return firstAccepted ? [accepted, connecting] : [connecting, accepted];
    } catch (error) {
      connecting[Symbol.dispose]();
      throw error;
    }
  }

  #listenerOf(type: number, { name, nameDir }: Place): unix_sk_entry | undefined {
    return this.#entries.find((entry) => entry.state === TCP_STATE.LISTEN && entry.type === type && (entry.uflags & EXTERNAL) === 0 && sameName(entry.name, name) && entry.nameDir === nameDir);
  }

  /** The one of the images where there is one, else one for the moment, whose file steps aside for whoever is there. */
  #withListener<T>(type: number, place: Place, who: PeerCredentials, use: (listener: OwnedFd) => T): T {
    const entry = this.#listenerOf(type, place);
    if (entry !== undefined) {
      if (!this.#kept.has(entry.id)) this.#make(entry);
      return use(this.#kept.get(entry.id) as OwnedFd);
    }
    using listener = socket(AF.UNIX, type, 0);
    this.#bind(listener, { name: place.name, ...(place.nameDir !== undefined && { nameDir: place.nameDir }), deleted: true });
    this.#calls.listen(listener, 1, who);
    return use(listener);
  }

  /** Data go into the queue by its peer, before that is handed over. */
  #fill(sender: OwnedFd, { id }: unix_sk_entry): void {
    const packets = packetsFor(id, this.#at);
    makeRoom(sender, packets);
    for (const packet of packets) send(sender, packet, (file) => this.#at.held(file));
  }

  /** Or later, where more must stand first: nobody else has the sender, which goes then. */
  #fillNow(sender: OwnedFd, receiver: OwnedFd, entry: unix_sk_entry): void {
    if (this.#queueNeedsAll(entry)) this.#later([sender, receiver], (kept) => this.#fill(kept, entry));
    else this.#fill(sender, entry);
  }

  /** Where any queue needs all files to stand, all are finished then: their order matters. */
  #makeDatagram(entry: unix_sk_entry): void {
    this.#datagramsWait ??= this.#entries.some((other) => other.type === SOCK.DGRAM && this.#queueNeedsAll(other));
    if (!this.#datagramsWait) return this.#finishDatagram(entry);
    this.#boundDatagram(entry);
    this.#at.whenOpen(() => this.#finishDatagram(entry));
  }

  /** A datagram socket with its name; two that are each other's peers and can't find one another by name, both. */
  #boundDatagram(entry: unix_sk_entry): OwnedFd {
    const known = this.#kept.get(entry.id);
    if (known !== undefined) return known;
    const peer = this.#peerOf(entry);
    if (peer !== undefined && isPair(entry, peer)) {
      const [own, other] = this.#calls.pair(SOCK.DGRAM, entry);
      this.#add(entry, own);
      this.#add(peer, other);
      this.#keep(peer, other);
      this.#bind(own, entry);
      this.#bind(other, peer);
      return this.#keep(entry, own);
    }
    const fd = this.#add(entry, this.#isPeerGone(entry) ? this.#withGonePeer(entry) : socket(AF.UNIX, SOCK.DGRAM, 0));
    this.#bind(fd, entry);
    return this.#keep(entry, fd);
  }

  /** It still has a peer that is no more, or has data without a name by which anybody could send them. */
  #isPeerGone(entry: unix_sk_entry): boolean {
    return hadPeer(entry) || (entry.peer === 0 && entry.name.length === 0 && packetsFor(entry.id, this.#at).length > 0);
  }

  #withGonePeer(entry: unix_sk_entry): OwnedFd {
    const [own, other] = this.#calls.pair(SOCK.DGRAM, entry);
    using gone = other;
    if (entry.peerName !== undefined) this.#bind(gone, { name: entry.peerName, deleted: true });
    // Before the data: they would go, too.
    else if (!hadPeer(entry)) disconnect(own);
    this.#fillNow(gone, own, entry);
    return own;
  }

  /**
   * Everything about a datagram socket, after all who send to it: a socket that has a peer takes no connection from
   * others.
   */
  #finishDatagram(entry: unix_sk_entry): void {
    if (this.#finished.has(entry.id)) return;
    this.#finished.add(entry.id);
    const fd = this.#boundDatagram(entry);
    const peer = this.#peerOf(entry);
    if (peer !== undefined && isPair(entry, peer)) {
      this.#fill(this.#boundDatagram(peer), entry);
      this.#finished.add(peer.id);
      this.#fill(fd, peer);
      settle(fd, entry);
      settle(this.#boundDatagram(peer), peer);
      return;
    }
    if (!this.#isPeerGone(entry)) this.#fillByName(fd, entry);
    for (const sender of this.#entries) if (sender.peer === entry.ino && sender.type === SOCK.DGRAM) this.#finishDatagram(sender);
    if (peer !== undefined) this.#connectDatagram(fd, peer);
    settle(fd, entry);
  }

  #connectDatagram(fd: OwnedFd, peer: unix_sk_entry): void {
    if ((peer.uflags & EXTERNAL) === 0) {
      reach(this.#boundDatagram(peer), (name) => connectName(fd, name));
      return;
    }
    if (this.#at.options.extUnixSk !== true) throw new Unsupported('file', `the peer of a unix socket, ${nameText(peer.name)}, is outside of the tree`, { hint: 'allow it with --ext-unix-sk' });
    try {
      connectName(fd, peer.name);
    } catch (error) {
      if (!(error instanceof SyscallFailed)) throw error;
      throw new HostLacks('peer-missing', `the unix socket ${nameText(peer.name)}, outside of the tree, can not be connected to`, { hint: 'start the service that has it', cause: error });
    }
  }

  /** From senders of the same names: recvfrom(2) tells them. */
  #fillByName(receiver: OwnedFd, entry: unix_sk_entry): void {
    const packets = packetsFor(entry.id, this.#at);
    if (packets.length === 0) return;
    using nameless = socket(AF.UNIX, SOCK.DGRAM, 0);
    makeRoom(nameless, packets);
    for (const packet of packets) this.#sendAs(nameless, packet, receiver);
  }

  #sendAs(nameless: OwnedFd, packet: Packet, receiver: OwnedFd): void {
    const { sender } = packet.message;
    const sendBy = (fd: OwnedFd): void => reach(receiver, (name) => send(fd, packet, (file) => this.#at.held(file), name));
    if (sender === undefined || sender.length === 0) return sendBy(nameless);
    const own = this.#entries.find((entry) => entry.type === SOCK.DGRAM && (entry.uflags & EXTERNAL) === 0 && sameName(entry.name, sender));
    if (own !== undefined) return sendBy(this.#boundDatagram(own));
    using standIn = socket(AF.UNIX, SOCK.DGRAM, 0);
    makeRoom(standIn, [packet]);
    if (isPath(sender)) this.#bind(standIn, { name: sender, deleted: true });
    else bindName(standIn, sender);
    sendBy(standIn);
  }
}

/** To a socket without a name nobody connects: it is "established" by its own peer. CRIU's images don't tell it of others. */
function hadPeer({ peer, peerName, name, state }: unix_sk_entry): boolean {
  return peer === 0 && (peerName !== undefined || (name.length === 0 && state === TCP_STATE.ESTABLISHED));
}

/** Each other's peers, and at least one has no name: made by socketpair(2). */
function isPair(entry: unix_sk_entry, peer: unix_sk_entry): boolean {
  return peer.ino !== entry.ino && peer.peer === entry.ino && (entry.name.length === 0 || peer.name.length === 0);
}

const HOW: Readonly<Record<number, number>> = { [sk_shutdown.READ]: SHUT.RD, [sk_shutdown.WRITE]: SHUT.WR, [sk_shutdown.BOTH]: SHUT.RDWR };

/** What must not hinder making it. */
function settle(fd: OwnedFd, entry: unix_sk_entry): void {
  const { opts } = entry;
  setFlags(fd, entry.flags);
  setSignal(fd, entry.fown);
  // An accepted socket may have it from the listening one (since Linux 6.16).
  if (opts.soPasscred === false) setOption(fd, SOL.SOCKET, SO.PASSCRED, 0);
  if (opts.soPasssec === false) setOption(fd, SOL.SOCKET, SO.PASSSEC, 0);
  if (opts.reuseaddr === true) setOption(fd, SOL.SOCKET, SO.REUSEADDR, 1);
  writeSocketOptions(fd, opts);
  writeMoreOptions(fd, entry.moreOptions);
  const how = entry.shutdown === undefined ? undefined : HOW[entry.shutdown];
  if (how !== undefined) shutdown(fd, how);
}

/** Which socket files of the network namespace have a socket behind them. */
export function liveSockets(): (file: FileStat) => boolean {
  using diag = new DiagSocket();
  const all = dumpConsistent(diag, unixDiagRequest()).map(parseUnixDiag);
  return (file) => all.some((known) => boundTo(file, known));
}
