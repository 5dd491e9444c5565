import { fd_types, type file_entry } from '../gen/fdinfo.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { Images } from '../checkpoint/image-cache.js';
import type { ImageType } from '../layout.js';
import { CLOCK, IP_PROTOCOL, SOCKET_FAMILY, SOCKET_TYPE, TCP_STATE, ipAddress, named, openFlags, signalsIn, unixName } from './names.js';

/** An open file (struct file) of the checkpoint: descriptors of several processes may refer to it. */
export interface OpenFileView {
  readonly id: number;
  /** "regular", "pipe", "tcp", "unix", "eventfd" … */
  readonly kind: string;
  /** what a person calls it: a path, "127.0.0.1:80 listen", "pipe 7" */
  readonly name: string;
  /** "rw,nonblock"; "" where the images tell none */
  readonly flags: string;
  /** the file's offset; of regular files */
  readonly position: number | undefined;
  readonly entry: file_entry;
}

export interface SocketView {
  /** of the open file */
  readonly id: number;
  readonly inode: number;
  readonly family: string;
  readonly type: string;
  readonly protocol: string;
  readonly state: string;
  /** "127.0.0.1:80", a path, "@abstract" or "" */
  readonly local: string;
  readonly remote: string;
  /** of unix sockets: the inode of the socket at the other end, 0 for none */
  readonly peer: number;
  /** bytes that the kernel lets wait in each direction (SO_RCVBUF, SO_SNDBUF) */
  readonly receiveBuffer: number | undefined;
  readonly sendBuffer: number | undefined;
}

/** Before CRIU 3.0 the entries of each kind were in an image of their own. */
const BEFORE: readonly (readonly [ImageType<object & { id: number }>, fd_types, keyof file_entry])[] = [
  [IMAGE_TYPES.regFiles, fd_types.REG, 'reg'],
  [IMAGE_TYPES.inetsk, fd_types.INETSK, 'isk'],
  [IMAGE_TYPES.nsFiles, fd_types.NS, 'nsf'],
  [IMAGE_TYPES.packetsk, fd_types.PACKETSK, 'psk'],
  [IMAGE_TYPES.netlinkSk, fd_types.NETLINKSK, 'nlsk'],
  [IMAGE_TYPES.eventfdFile, fd_types.EVENTFD, 'efd'],
  [IMAGE_TYPES.eventpollFile, fd_types.EVENTPOLL, 'epfd'],
  [IMAGE_TYPES.signalfd, fd_types.SIGNALFD, 'sgfd'],
  [IMAGE_TYPES.tunfile, fd_types.TUNF, 'tunf'],
  [IMAGE_TYPES.timerfd, fd_types.TIMERFD, 'tfd'],
  [IMAGE_TYPES.inotifyFile, fd_types.INOTIFY, 'ify'],
  [IMAGE_TYPES.fanotifyFile, fd_types.FANOTIFY, 'ffy'],
  [IMAGE_TYPES.extFiles, fd_types.EXT, 'ext'],
  [IMAGE_TYPES.unixsk, fd_types.UNIXSK, 'usk'],
  [IMAGE_TYPES.fifo, fd_types.FIFO, 'fifo'],
  [IMAGE_TYPES.pipes, fd_types.PIPE, 'pipe'],
  [IMAGE_TYPES.ttyFiles, fd_types.TTY, 'tty'],
] as readonly (readonly [ImageType<object & { id: number }>, fd_types, keyof file_entry])[];

/** All open files, by id. @throws ImageCorrupt */
export async function readOpenFiles(images: Images): Promise<ReadonlyMap<number, OpenFileView>> {
  const entries = [...(await images.read(IMAGE_TYPES.files))];
  if (!images.has(IMAGE_TYPES.files)) {
    for (const [type, fdType, key] of BEFORE) for (const entry of await images.read(type)) entries.push({ type: fdType, id: entry.id, [key]: entry });
  }
  const ttys = new Map((await images.read(IMAGE_TYPES.ttyInfo)).map((info) => [info.id, info]));
  const memfds = new Map((await images.read(IMAGE_TYPES.memfdInode)).map((inode) => [inode.inodeId, inode]));
  const paths = new Map(entries.filter((entry) => entry.reg).map((entry) => [entry.id, entry.reg!.name]));
  const bigEndian = await images.isBigEndian();
  const facts: Facts = {
    bigEndian,
    tty(id) {
      const info = ttys.get(id);
      return info?.pty === undefined ? 'tty' : `pty ${info.pty.index}`;
    },
    memfd: (id) => memfds.get(BigInt(id))?.name ?? '',
    path: (id) => (id === undefined ? undefined : paths.get(id)),
  };
  return new Map(entries.map((entry) => [entry.id, describe(entry, facts)]));
}

interface Facts {
  readonly bigEndian: boolean;
  readonly tty: (ttyInfoId: number) => string;
  readonly memfd: (inodeId: number) => string;
  readonly path: (fileId: number | undefined) => string | undefined;
}

const kindName = (type: fd_types): string => (Object.keys(fd_types).find((name) => fd_types[name as keyof typeof fd_types] === type) ?? `type ${type}`).toLowerCase();

function describe(entry: file_entry, facts: Facts): OpenFileView {
  const { id } = entry;
  const view = (kind: string, name: string, flags?: number, position?: bigint): OpenFileView => ({ id, kind, name, flags: flags === undefined ? '' : openFlags(flags), position: position === undefined ? undefined : Number(position), entry });
  if (entry.reg) return view('regular', entry.reg.name, entry.reg.flags, entry.reg.pos);
  if (entry.isk ?? entry.usk) {
    const socket = socketOf(entry, facts.bigEndian)!;
    const ends = socket.family === 'unix' ? `${socket.local}${socket.peer ? ` ↔ inode ${socket.peer}` : ''}` : `${socket.local}${socket.remote ? ` ↔ ${socket.remote}` : ''}`;
    const kind = socket.family === 'unix' ? 'unix' : socket.protocol;
    // The state of a datagram socket says no more than its ends do.
    const state = socket.type === 'stream' || socket.type === 'seqpacket' ? ` ${socket.state}` : '';
    return view(kind, `${ends}${state}`.trim(), (entry.isk ?? entry.usk)!.flags);
  }
  if (entry.pipe) return view('pipe', `pipe ${entry.pipe.pipeId}`, entry.pipe.flags);
  if (entry.fifo) return view('fifo', facts.path(entry.fifo.regfId) ?? `fifo ${entry.fifo.pipeId}`);
  if (entry.efd) return view('eventfd', `counter ${entry.efd.counter}${entry.efd.semaphore ? ', semaphore' : ''}`, entry.efd.flags);
  if (entry.epfd) return view('eventpoll', `watches ${entry.epfd.tfd.length === 0 ? 'nothing' : `fd ${entry.epfd.tfd.map((watched) => watched.tfd).join(', ')}`}`, entry.epfd.flags);
  if (entry.sgfd) return view('signalfd', signalsIn(entry.sgfd.sigmask).join(' '), entry.sgfd.flags);
  if (entry.tfd) return view('timerfd', timerText(named(CLOCK, entry.tfd.clockid), entry.tfd.vsec, entry.tfd.vnsec, entry.tfd.isec, entry.tfd.insec), entry.tfd.flags);
  if (entry.ify) return view('inotify', `${entry.ify.wd.length} watches`, entry.ify.flags);
  if (entry.ffy) return view('fanotify', `${entry.ffy.mark.length} marks`, entry.ffy.flags);
  if (entry.tty) return view('tty', facts.path(entry.tty.regfId) ?? facts.tty(entry.tty.ttyInfoId), entry.tty.flags);
  if (entry.memfd) return view('memfd', facts.memfd(entry.memfd.inodeId), entry.memfd.flags, entry.memfd.pos);
  if (entry.nlsk) return view('netlink', `protocol ${entry.nlsk.protocol}, port ${entry.nlsk.portid}`, entry.nlsk.flags);
  if (entry.psk) return view('packet', `protocol 0x${entry.psk.protocol.toString(16)}, interface ${entry.psk.ifindex}`, entry.psk.flags);
  if (entry.nsf) return view('namespace', `namespace ${entry.nsf.nsId}`, entry.nsf.flags);
  if (entry.pidfd) return view('pidfd', `process ${entry.pidfd.nspid}`, entry.pidfd.flags);
  if (entry.tunf) return view('tun', entry.tunf.netdev ?? '');
  if (entry.bpf) return view('bpf map', entry.bpf.mapName);
  return view(kindName(entry.type), '');
}

export function timerText(clock: string, sec: bigint, nsec: bigint, intervalSec: bigint, intervalNsec: bigint): string {
  const seconds = (whole: bigint, nano: bigint): string => `${Number(whole) + Number(nano) / 1e9} s`;
  if (sec === 0n && nsec === 0n) return `${clock}, disarmed`;
  return `${clock}, in ${seconds(sec, nsec)}${intervalSec || intervalNsec ? `, then every ${seconds(intervalSec, intervalNsec)}` : ''}`;
}

/**
 * An open file as a socket; undefined where it is none (or one of netlink or packet, which have no ends).
 * @param bigEndian the images are of such a machine
 */
export function socketOf(entry: file_entry, bigEndian = false): SocketView | undefined {
  const { isk, usk, id } = entry;
  if (isk) {
    const end = (address: readonly number[], port: number): string => (isk.family === 10 ? `[${ipAddress(address, bigEndian)}]:${port}` : `${ipAddress(address, bigEndian)}:${port}`);
    const connected = isk.dstPort !== 0;
    return {
      id,
      inode: isk.ino,
      family: named(SOCKET_FAMILY, isk.family),
      type: named(SOCKET_TYPE, isk.type),
      protocol: named(IP_PROTOCOL, isk.proto),
      state: named(TCP_STATE, isk.state),
      local: end(isk.srcAddr, isk.srcPort),
      remote: connected ? end(isk.dstAddr, isk.dstPort) : '',
      peer: 0,
      receiveBuffer: isk.opts.soRcvbuf,
      sendBuffer: isk.opts.soSndbuf,
    };
  }
  if (usk) return { id, inode: usk.ino, family: 'unix', type: named(SOCKET_TYPE, usk.type), protocol: '', state: named(TCP_STATE, usk.state), local: unixName(usk.name), remote: usk.peerName ? unixName(usk.peerName) : '', peer: usk.peer, receiveBuffer: usk.opts.soRcvbuf, sendBuffer: usk.opts.soSndbuf };
  return undefined;
}
