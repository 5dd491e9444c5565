// SO_PEERCRED and SO_PEERGROUPS of unix sockets (unix(7)): who made a pair, who listened, who connected. The kernel notes
// the process that makes the call, and its credentials: so that process makes it again.
import type { unix_sk_entry } from '@criu-ts/images';
import { AF, SO, SOCK, SOL, SYS, ucred } from '@criu-ts/kernel/abi';
import { type ProcStatus, readStatus } from '@criu-ts/kernel/procfs';
import { type OwnedFd, pidfdGetfd, pidfdOpen } from '@criu-ts/kernel/sys';
import type { Batch, Puppet } from '@criu-ts/tracee';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { listen, tryOption } from './socket-calls.js';
import { connectName, fileOf, isPath, nameOf, reach, socketpair, unixAddress } from './unix-calls.js';

/** What an entry has of it. */
export type PeerCredentials = Pick<unix_sk_entry, 'peerPid' | 'peerUid' | 'peerGid' | 'peerGroups'>;

/** pid 0: the process lived in a pid namespace that we don't see. */
export function readPeerCredentials(fd: OwnedFd): PeerCredentials {
  const { pid, uid, gid } = ucred.decode(tryOption(fd, SOL.SOCKET, SO.PEERCRED, ucred.size) ?? new Uint8Array(ucred.size));
  // A socket without a peer.
  if (uid === NOBODY && pid === 0) return { peerGroups: [] };
  const groups = tryOption(fd, SOL.SOCKET, SO.PEERGROUPS, 4 * MOST_GROUPS) ?? new Uint8Array(0);
  return { peerPid: pid, peerUid: uid, peerGid: gid, peerGroups: [...new Uint32Array(groups.slice().buffer)] };
}

const NOBODY = 0xffff_ffff;
/** Groups of the peer that are asked for; what has more is kept without them. */
const MOST_GROUPS = 8192;

/** Calls on unix sockets of ours, made by the processes that are to be seen as the peers. */
export class PeerCalls {
  readonly #at: FileRestoreContext;
  readonly #own: ProcStatus = readStatus('self');

  constructor(at: FileRestoreContext) {
    this.#at = at;
  }

  /** socketpair(2), by the one whom both ends will tell of. */
  pair(type: number, who: PeerCredentials): [OwnedFd, OwnedFd] {
    const process = this.#processOf(who);
    if (process === undefined) return socketpair(type);
    const fds = process.batch((batch) => {
      const pair = batch.struct(8);
      this.#as(who, batch, () => batch.doing('make a pair of unix sockets').call(SYS.socketpair, AF.UNIX, type | SOCK.CLOEXEC, 0, pair.address));
      batch.run();
      return [...new Int32Array(process.tracee.read(pair.address, 8).slice().buffer)];
    });
    using pidfd = pidfdOpen(process.tracee.pid);
    const ours = fds.map((fd) => pidfdGetfd(pidfd, fd));
    process.batch((batch) => {
      for (const fd of fds) batch.call(SYS.close, fd);
    });
    return ours as [OwnedFd, OwnedFd];
  }

  /** listen(2), by the one whom those will be told of who connect. */
  listen(fd: OwnedFd, backlog: number, who: PeerCredentials): void {
    const process = this.#processOf(who);
    if (process === undefined) return listen(fd, backlog);
    this.#lend(process, who, [fd], (batch, [socket = -1]) => batch.doing('listen at a unix socket').call(SYS.listen, socket, backlog));
  }

  /** connect(2) to a bound socket of ours, by the one whom that will be told of. */
  connect(fd: OwnedFd, listener: OwnedFd, who: PeerCredentials): void {
    const process = this.#processOf(who);
    if (process === undefined) return reach(listener, (name) => connectName(fd, name));
    const name = nameOf(listener, false);
    using file = isPath(name) ? fileOf(listener) : undefined;
    this.#lend(process, who, file === undefined ? [fd] : [fd, file], (batch, [socket = -1, target]) => {
      const address = unixAddress(target === undefined ? name : Buffer.from(`/proc/self/fd/${target}`));
      batch.doing('connect a unix socket').call(SYS.connect, socket, batch.bytes(address), address.length);
    });
  }

  /** undefined: nobody is told of. */
  #processOf({ peerPid }: PeerCredentials): Puppet | undefined {
    if (peerPid === undefined) return undefined;
    const { processes } = this.#at.callers;
    const caller = processes.get(peerPid)?.puppet ?? this.#at.callers.standIn(peerPid);
    if (caller !== undefined) return caller;
    const [first] = processes.values();
    if (first !== undefined) this.#at.emit({ type: 'warning', text: `a unix socket told of process ${peerPid} as its peer (SO_PEERCRED), which is another one now: it tells of process ${first.pid}` });
    return first?.puppet;
  }

  /** Has the process fetch descriptors of ours, make calls as the user, and close them again. */
  #lend(process: Puppet, who: PeerCredentials, fds: readonly OwnedFd[], calls: (batch: Batch, fds: readonly number[]) => void): void {
    process.batch((batch) => {
      const ours = batch.doing('reach our process').call(SYS.pidfd_open, globalThis.process.pid, 0);
      const refs = fds.map((fd) => batch.doing('fetch a unix socket').call(SYS.pidfd_getfd, ours, fd.number, 0));
      batch.call(SYS.close, ours);
      // Their numbers are in the paths of what follows.
      batch.run();
      const lent = refs.map((ref) => batch.result(ref));
      this.#as(who, batch, () => calls(batch, lent));
      for (const fd of lent) batch.call(SYS.close, fd);
    });
  }

  /** Calls with these effective ids and groups; what may be done by file permissions stays root's. */
  #as({ peerUid = 0, peerGid = 0, peerGroups }: PeerCredentials, batch: Batch, calls: () => void): void {
    const { uid, gid, groups } = this.#own;
    const otherGroups = peerGroups.length !== groups.length || peerGroups.some((group, i) => group !== groups[i]);
    if (uid.effective === peerUid && gid.effective === peerGid && !otherGroups) return calls();
    const setGroups = (list: readonly number[]): unknown => otherGroups && batch.call(SYS.setgroups, list.length, batch.bytes(new Uint8Array(Uint32Array.from([...list, 0]).buffer)));
    batch.doing(`be user ${peerUid} for a moment`);
    setGroups(peerGroups);
    batch.call(SYS.setresgid, -1, peerGid, -1);
    batch.call(SYS.setresuid, -1, peerUid, -1);
    batch.attempt(SYS.setfsuid, uid.fs);
    calls();
    batch.doing('be root again').call(SYS.setresuid, -1, uid.effective, -1);
    batch.call(SYS.setresgid, -1, gid.effective, -1);
    setGroups(groups);
  }
}
