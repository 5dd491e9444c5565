// What waits to be read from a unix socket (sk-queues.img): looked at without taking it out, and sent again.
import { IMAGE_TYPES, type sk_packet_entry, type WithPayload } from '@criu-ts/images';
import { iovec, MSG, msghdr, SCM, SO, SOCK, SOL, SYS } from '@criu-ts/kernel/abi';
import { Memory, type OwnedFd, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, Unsupported } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { parseControl, type UnixCredentials, writeCredentials, writeRights } from './control-messages.js';
import { option, setOption } from './socket-calls.js';
import { isPath, type UnixName, withoutNul } from './unix-calls.js';

export interface Message {
  readonly bytes: Uint8Array;
  /** Of the socket that sent it; empty where that has none, and of streams. */
  readonly sender: UnixName;
  /** Descriptors that travel with it (SCM_RIGHTS): duplicates, ours. */
  readonly rights: readonly OwnedFd[];
  /** Who sent it, where the receiver is told (SO_PASSCRED). */
  readonly credentials: UnixCredentials | undefined;
}

const EAGAIN = 11;
const ESRCH = 3;
const HEADER = 0;
const IOVEC = 64;
const NAME = 128;
const NAME_SIZE = 128;
const CONTROL = 512;
/** SCM_MAX_FD (net/scm.h) descriptors, credentials, and what else the kernel may tell. */
const CONTROL_SIZE = 2048;
const DATA = CONTROL + CONTROL_SIZE;
let memory = new Memory(256 * 1024);

/** The whole queue, oldest first. @param size bytes that wait, as far as the kernel tells (SEQPACKET, STREAM) */
export function peekQueue(fd: OwnedFd, type: number, size: number): Message[] {
  const offset = option(fd, SOL.SOCKET, SO.PEEK_OFF);
  if (offset < 0) return peekAll(fd, type, size);
  setOption(fd, SOL.SOCKET, SO.PEEK_OFF, -1);
  try {
    return peekAll(fd, type, size);
  } finally {
    setOption(fd, SOL.SOCKET, SO.PEEK_OFF, offset);
  }
}

/** A byte sent with MSG_OOB that was not read yet (AF_UNIX knows it since Linux 5.15, for streams). */
export function hasUrgent(fd: OwnedFd, type: number): boolean {
  return type === SOCK.STREAM && rawSyscall(SYS.recvfrom, fd.number, memory.address + DATA, 1, MSG.OOB | MSG.PEEK | MSG.DONTWAIT, 0, 0) === 1;
}

function peekAll(fd: OwnedFd, type: number, size: number): Message[] {
  // SOCK_SEQPACKET answers 0 bytes at the end of file as for an empty message.
  if (type === SOCK.DGRAM ? isEmpty(fd) : size === 0) return [];
  const messages: Message[] = [];
  let offset = 0;
  // Moves on with each message that is looked at.
  setOption(fd, SOL.SOCKET, SO.PEEK_OFF, 0);
  try {
    if (type === SOCK.STREAM) grow(size);
    while (type === SOCK.DGRAM || offset < size) {
      const message = peek(fd, offset);
      if (message === undefined) break;
      if (type !== SOCK.STREAM) messages.push(type === SOCK.DGRAM ? message : { ...message, sender: NOBODY });
      else if (message.bytes.length > 0) messages.push(...partsOfStream({ ...message, sender: NOBODY }));
      else break;
      offset += message.bytes.length;
    }
  } catch (error) {
    close(messages);
    throw error;
  } finally {
    setOption(fd, SOL.SOCKET, SO.PEEK_OFF, -1);
  }
  if (type === SOCK.STREAM && offset !== size) {
    close(messages);
    throw new Unsupported('file', `of ${size} bytes in the queue only ${offset} can be read`, { why: 'something other than data stands between' });
  }
  return messages;
}

const NOBODY = new Uint8Array(0);

function isEmpty(fd: OwnedFd): boolean {
  const first = peek(fd);
  if (first !== undefined) close([first]);
  return first === undefined;
}

function close(messages: readonly Message[]): void {
  for (const { rights } of messages) for (const fd of rights) fd[Symbol.dispose]();
}

/**
 * One look at a stream goes through several writes, and ends with the one that descriptors came with. Where that began
 * nobody tells (a look that ends before it shows the descriptors, too): they are put to its last byte, so that whoever
 * reads write by write gets them with theirs.
 */
function partsOfStream(message: Message): Message[] {
  const { bytes, rights } = message;
  const last = bytes.length - 1;
  if (rights.length === 0 || last === 0) return [message];
  return [{ ...message, bytes: bytes.slice(0, last), rights: [] }, { ...message, bytes: bytes.slice(last) }];
}

/** @param offset where SO_PEEK_OFF stands: put back where the buffer was too small */
function peek(fd: OwnedFd, offset?: number): Message | undefined {
  for (;;) {
    const { view, address, bytes } = memory;
    const room = memory.size - DATA;
    iovec.write(view, IOVEC, { iov_base: address + DATA, iov_len: room });
    msghdr.write(view, HEADER, { msg_name: address + NAME, msg_namelen: NAME_SIZE, msg_iov: address + IOVEC, msg_iovlen: 1, msg_control: address + CONTROL, msg_controllen: CONTROL_SIZE, msg_flags: 0 });
    const length = rawSyscall(SYS.recvmsg, fd.number, address, MSG.PEEK | MSG.DONTWAIT | MSG.CMSG_CLOEXEC);
    if (length === -EAGAIN) return undefined;
    if (length < 0) throw new SyscallFailed('recvmsg(MSG_PEEK)', -length);
    const { msg_namelen, msg_flags, msg_controllen } = msghdr.read(view, HEADER);
    const { rights, credentials } = parseControl(bytes.subarray(CONTROL, CONTROL + msg_controllen));
    const message: Message = { bytes: bytes.slice(DATA, DATA + length), sender: bytes.slice(NAME + 2, NAME + Math.max(2, msg_namelen)), rights, credentials };
    if ((msg_flags & MSG.CTRUNC) !== 0) {
      close([message]);
      throw new Unsupported('file', 'a message in the queue of a unix socket carries more than can be looked at', { hint: 'dump it when the process has received it' });
    }
    if ((msg_flags & MSG.TRUNC) === 0) return message;
    close([message]);
    grow(2 * room);
    if (offset !== undefined) setOption(fd, SOL.SOCKET, SO.PEEK_OFF, offset);
  }
}

function grow(size: number): void {
  if (memory.size < size + DATA) memory = new Memory(size + DATA);
}

export type Packet = WithPayload<sk_packet_entry>;

/** The queue of a socket in the images. */
export function packetsFor(id: number, at: FileRestoreContext): readonly Packet[] {
  const all = at.shared('sk-queues', () => {
    const byReceiver = new Map<number, Packet[]>();
    for (const packet of at.images.readIfPresent(IMAGE_TYPES.skQueues)) {
      const list = byReceiver.get(packet.message.idFor);
      if (list === undefined) byReceiver.set(packet.message.idFor, [packet]);
      else list.push(packet);
    }
    return byReceiver;
  });
  return all.get(id) ?? [];
}

/** Room for all of it, whatever the sender's limit will be. */
export function makeRoom(sender: OwnedFd, packets: readonly Packet[]): void {
  if (packets.length === 0) return;
  const size = packets.reduce((sum, { payload }) => sum + 2 * payload.length + 4096, 0);
  setOption(sender, SOL.SOCKET, SO.SNDBUFFORCE, Math.min(size + 256 * 1024, 0x3fff_ffff));
}

/** Descriptors travel in it, or it names its sender: both can be done only when all files and processes stand. */
export const needsAll = ({ message }: Packet): boolean => message.scm.length > 0 || message.senderPid !== undefined;

/**
 * @param fileOf the open file of that number, ours
 * @param to where the sender has no peer
 */
export function send(sender: OwnedFd, packet: Packet, fileOf: (id: number) => OwnedFd, to?: UnixName): void {
  const { payload, message } = packet;
  let control = controlOf(packet, fileOf);
  let done = 0;
  do {
    const part = payload.subarray(done);
    grow(part.length);
    const { view, address, bytes } = memory;
    bytes.set(part, DATA);
    bytes.set(control, CONTROL);
    const path = to === undefined ? undefined : isPath(to) ? withoutNul(to) : to;
    if (path !== undefined) {
      view.setUint16(NAME, 1, true);
      bytes.set(path, NAME + 2);
    }
    iovec.write(view, IOVEC, { iov_base: address + DATA, iov_len: part.length });
    msghdr.write(view, HEADER, {
      msg_name: path === undefined ? 0 : address + NAME,
      msg_namelen: path === undefined ? 0 : path.length + 2,
      msg_iov: address + IOVEC,
      msg_iovlen: 1,
      msg_control: control.length === 0 ? 0 : address + CONTROL,
      msg_controllen: control.length,
      msg_flags: 0,
    });
    const result = rawSyscall(SYS.sendmsg, sender.number, address, MSG.DONTWAIT | MSG.NOSIGNAL);
    if (result === -EAGAIN) throw new HostLacks('socket-queue', 'the queue of a unix socket does not fit any more', { hint: 'raise the sysctl net.unix.max_dgram_qlen' });
    if (result === -ESRCH) throw new HostLacks('sender-missing', `the sender of a message in the queue of a unix socket, process ${message.senderPid}, is not there`, { hint: 'the images tell who sent it (SO_PASSCRED)' });
    if (result < 0) throw new SyscallFailed(`sendmsg(${part.length} bytes)`, -result);
    done += result;
    // Descriptors come with the first byte only.
    control = controlOf({ ...packet, message: { ...message, scm: [] } }, fileOf);
  } while (done < payload.length);
}

function controlOf({ message }: Packet, fileOf: (id: number) => OwnedFd): Uint8Array {
  const rights = message.scm.flatMap(({ type, rights }) => {
    if (type !== SCM.RIGHTS) throw new Unsupported('file', `a control message of type ${type} in the queue of a unix socket can not be restored`);
    return rights.map(fileOf);
  });
  const { senderPid: pid, senderUid: uid = 0, senderGid: gid = 0 } = message;
  return Buffer.concat([...(rights.length > 0 ? [writeRights(rights)] : []), ...(pid === undefined ? [] : [writeCredentials({ pid, uid, gid })])]);
}
