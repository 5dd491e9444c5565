// What waits to be read from a unix socket (sk-queues.img): looked at without taking it out, and sent again.
import { IMAGE_TYPES, type sk_packet_entry, type WithPayload } from '@criu-ts/images';
import { iovec, MSG, msghdr, SO, SOCK, SOL, SYS } from '@criu-ts/kernel/abi';
import { Memory, type OwnedFd, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, Unsupported } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';
import { option, setOption } from './socket-calls.js';
import { isPath, type UnixName, withoutNul } from './unix-calls.js';

export interface Message {
  readonly bytes: Uint8Array;
  /** Of the socket that sent it; empty where that has none, and of streams. */
  readonly sender: UnixName;
}

const EAGAIN = 11;
const HEADER = 0;
const IOVEC = 64;
const NAME = 128;
const NAME_SIZE = 128;
const DATA = 512;
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
  if (type === SOCK.STREAM) return size === 0 ? [] : [peekStream(fd, size)];
  if (type === SOCK.SEQPACKET ? size === 0 : peek(fd) === undefined) return [];
  const messages: Message[] = [];
  let offset = 0;
  // Moves on with each message that is looked at; SOCK_SEQPACKET answers 0 bytes at the end of file as for an empty message.
  setOption(fd, SOL.SOCKET, SO.PEEK_OFF, 0);
  try {
    while (type === SOCK.DGRAM || offset < size) {
      const message = peek(fd, offset);
      if (message === undefined) break;
      messages.push(type === SOCK.DGRAM ? message : { bytes: message.bytes, sender: new Uint8Array(0) });
      offset += message.bytes.length;
    }
  } finally {
    setOption(fd, SOL.SOCKET, SO.PEEK_OFF, -1);
  }
  return messages;
}

/** One call sees all of a stream: the kernel goes from buffer to buffer. */
function peekStream(fd: OwnedFd, size: number): Message {
  grow(size);
  const message = peek(fd);
  if (message?.bytes.length !== size) throw new Unsupported('file', `of ${size} bytes in the queue only ${message?.bytes.length ?? 0} can be read`, { why: 'something other than data stands between' });
  return { bytes: message.bytes, sender: new Uint8Array(0) };
}

/** @param offset where SO_PEEK_OFF stands: put back where the buffer was too small */
function peek(fd: OwnedFd, offset?: number): Message | undefined {
  for (;;) {
    const { view, address, bytes } = memory;
    const room = memory.size - DATA;
    iovec.write(view, IOVEC, { iov_base: address + DATA, iov_len: room });
    msghdr.write(view, HEADER, { msg_name: address + NAME, msg_namelen: NAME_SIZE, msg_iov: address + IOVEC, msg_iovlen: 1, msg_control: 0, msg_controllen: 0, msg_flags: 0 });
    const length = rawSyscall(SYS.recvmsg, fd.number, address, MSG.PEEK | MSG.DONTWAIT);
    if (length === -EAGAIN) return undefined;
    if (length < 0) throw new SyscallFailed('recvmsg(MSG_PEEK)', -length);
    const { msg_namelen, msg_flags } = msghdr.read(view, HEADER);
    if ((msg_flags & MSG.TRUNC) === 0) return { bytes: bytes.slice(DATA, DATA + length), sender: bytes.slice(NAME + 2, NAME + Math.max(2, msg_namelen)) };
    grow(2 * room);
    if (offset !== undefined) setOption(fd, SOL.SOCKET, SO.PEEK_OFF, offset);
  }
}

function grow(size: number): void {
  if (memory.size < size + DATA) memory = new Memory(size + DATA);
}

export type Packet = WithPayload<sk_packet_entry>;

/** The queue of a socket in the images. @throws Unsupported where descriptors travel in it */
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
  const packets = all.get(id) ?? [];
  if (packets.some(({ message }) => message.scm.length > 0)) throw new Unsupported('file', 'descriptors that travel in the queue of a unix socket (SCM_RIGHTS) can not be restored yet');
  return packets;
}

/** Room for all of it, whatever the sender's limit will be. */
export function makeRoom(sender: OwnedFd, packets: readonly Packet[]): void {
  if (packets.length === 0) return;
  const size = packets.reduce((sum, { payload }) => sum + 2 * payload.length + 4096, 0);
  setOption(sender, SOL.SOCKET, SO.SNDBUFFORCE, Math.min(size + 256 * 1024, 0x3fff_ffff));
}

/** @param to where the sender has no peer */
export function send(sender: OwnedFd, { payload }: Packet, to?: UnixName): void {
  let done = 0;
  do {
    const part = payload.subarray(done);
    grow(part.length);
    const { view, address, bytes } = memory;
    bytes.set(part, DATA);
    const path = to === undefined ? undefined : isPath(to) ? withoutNul(to) : to;
    if (path !== undefined) {
      view.setUint16(NAME, 1, true);
      bytes.set(path, NAME + 2);
    }
    const result = rawSyscall(SYS.sendto, sender.number, address + DATA, part.length, MSG.DONTWAIT | MSG.NOSIGNAL, path === undefined ? 0 : address + NAME, path === undefined ? 0 : path.length + 2);
    if (result === -EAGAIN) throw new HostLacks('socket-queue', 'the queue of a unix socket does not fit any more', { hint: 'raise the sysctl net.unix.max_dgram_qlen' });
    if (result < 0) throw new SyscallFailed(`send(${part.length} bytes)`, -result);
    done += result;
  } while (done < payload.length);
}
