// sock_diag for unix sockets (sock_diag(7), net/unix/diag.c).
import { INET_DIAG_NOCOOKIE, SOCK_DIAG, UDIAG_SHOW, UNIX_DIAG, unix_diag_msg, unix_diag_req, unix_diag_rqlen, unix_diag_vfs } from '../abi/sock-diag.js';
import { AF } from '../abi/socket.js';
import { attributeU32, attributeU32s, attributeU8, parseAttributes } from './attributes.js';
import { NetlinkFormatError } from './errors.js';
import type { NetlinkMessage } from './message.js';
import { cookieOf, type SocketMemory, socketMemory } from './sock-diag.js';
import type { NetlinkRequest } from './socket.js';

export interface UnixSocket {
  /** SOCK.STREAM, DGRAM, SEQPACKET */
  readonly type: number;
  /** TCP_STATE.ESTABLISHED, LISTEN, CLOSE (7: neither), … */
  readonly state: number;
  readonly inode: number;
  readonly cookie: bigint;
  /**
   * Bytes of sun_path: a path with its NUL, or abstract: NUL first. undefined: not bound.
   * A path is as it was given to bind(2), perhaps relative to who knows where.
   */
  readonly name: Uint8Array | undefined;
  /** The file it is bound to; device in the kernel's encoding. undefined: none, or unlinked and forgotten. */
  readonly file: { readonly inode: number; readonly device: number } | undefined;
  /** Inode of the socket it is connected to; 0: that one is not accepted yet. */
  readonly peer: number | undefined;
  /** A listening socket: the sockets that wait to be accepted, by their clients' inodes (0: none any more). */
  readonly pending: readonly number[] | undefined;
  /** Listening: connections waiting and the backlog; else bytes to read and bytes on their way. */
  readonly receiveQueue: number | undefined;
  readonly sendQueue: number | undefined;
  /** Bit 0: receiving is shut down, bit 1: sending. */
  readonly shutdown: number | undefined;
  readonly uid: number | undefined;
  readonly memory: SocketMemory | undefined;
  /** Attributes that nobody here knows. */
  readonly unknown: ReadonlyMap<number, Uint8Array>;
}

const SHOW_ALL = Object.values(UDIAG_SHOW).reduce<number>((mask, bit) => mask | bit, 0);

/** A dump of all unix sockets of the network namespace; answers are for parseUnixDiag. */
export function unixDiagRequest({ states = 0xffffffff, show = SHOW_ALL }: { states?: number; show?: number } = {}): NetlinkRequest {
  return {
    type: SOCK_DIAG.DIAG_BY_FAMILY,
    payload: unix_diag_req.encode({
      sdiag_family: AF.UNIX,
      udiag_states: states,
      udiag_show: show,
      udiag_cookie: [INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE],
    }),
  };
}

/** @throws NetlinkFormatError */
export function parseUnixDiag(message: NetlinkMessage): UnixSocket {
  const { payload } = message;
  if (message.type !== SOCK_DIAG.DIAG_BY_FAMILY || payload.length < unix_diag_msg.size) throw new NetlinkFormatError('no unix_diag_msg');
  const fixed = unix_diag_msg.decode(payload);
  if (fixed.udiag_family !== AF.UNIX) throw new NetlinkFormatError(`address family ${fixed.udiag_family} is not unix`);
  const attributes = parseAttributes(payload.subarray(unix_diag_msg.size));
  const get = <T>(type: number, read: (value: Uint8Array) => T): T | undefined => {
    const value = attributes.get(type);
    return value === undefined ? undefined : read(value);
  };
  const queues = get(UNIX_DIAG.RQLEN, (value) => unix_diag_rqlen.decode(value));
  return {
    type: fixed.udiag_type,
    state: fixed.udiag_state,
    inode: fixed.udiag_ino,
    cookie: cookieOf(fixed.udiag_cookie),
    name: get(UNIX_DIAG.NAME, (value) => value.slice()),
    file: get(UNIX_DIAG.VFS, (value) => {
      const { udiag_vfs_ino: inode, udiag_vfs_dev: device } = unix_diag_vfs.decode(value);
      return { inode, device };
    }),
    peer: get(UNIX_DIAG.PEER, attributeU32),
    pending: get(UNIX_DIAG.ICONS, attributeU32s),
    receiveQueue: queues?.udiag_rqueue,
    sendQueue: queues?.udiag_wqueue,
    shutdown: get(UNIX_DIAG.SHUTDOWN, attributeU8),
    uid: get(UNIX_DIAG.UID, attributeU32),
    memory: get(UNIX_DIAG.MEMINFO, (value) => socketMemory(attributeU32s(value))),
    unknown: new Map([...attributes].filter(([type]) => type > UNIX_DIAG.UID).map(([type, value]) => [type, value.slice()])),
  };
}
