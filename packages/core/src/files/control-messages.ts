// What travels beside the bytes of a unix socket: cmsg(3), unix(7) SCM_RIGHTS and SCM_CREDENTIALS.
import { SCM, SOL } from '@criu-ts/kernel/abi';
import { OwnedFd } from '@criu-ts/kernel/sys';
import { Unsupported } from '../errors.js';

/** struct ucred; 0 where the pid namespace of the reader does not have the process. */
export interface UnixCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ControlMessages {
  readonly rights: readonly OwnedFd[];
  readonly credentials: UnixCredentials | undefined;
}

/** struct cmsghdr: length (8), level (4), type (4); messages begin at multiples of 8. */
const HEADER = 16;
const SCM_SECURITY = 3;
const SCM_PIDFD = 4;
const aligned = (length: number): number => (length + 7) & ~7;

/** What recvmsg(2) put there. The descriptors are ours from now on. */
export function parseControl(bytes: Uint8Array): ControlMessages {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rights: OwnedFd[] = [];
  let credentials: UnixCredentials | undefined;
  const unknown: string[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = Number(view.getBigUint64(at, true));
    if (length < HEADER) break;
    const level = view.getInt32(at + 8, true);
    const type = view.getInt32(at + 12, true);
    const data = at + HEADER;
    if (level === SOL.SOCKET && type === SCM.RIGHTS) {
      for (let i = data; i + 4 <= at + length; i += 4) rights.push(new OwnedFd(view.getInt32(i, true)));
    } else if (level === SOL.SOCKET && type === SCM.CREDENTIALS) {
      credentials = { pid: view.getInt32(data, true), uid: view.getUint32(data + 4, true), gid: view.getUint32(data + 8, true) };
    } else if (level === SOL.SOCKET && type === SCM_PIDFD) {
      // Made for us; whoever reads it later gets one of his own, by the credentials.
      new OwnedFd(view.getInt32(data, true))[Symbol.dispose]();
    } else if (level !== SOL.SOCKET || type !== SCM_SECURITY) unknown.push(`${level}:${type}`);
    at += aligned(length);
  }
  if (unknown.length === 0) return { rights, credentials };
  for (const fd of rights) fd[Symbol.dispose]();
  throw new Unsupported('file', `control messages of kind ${unknown.join(', ')} in the queue of a unix socket are not known`);
}

/** For sendmsg(2). */
export function writeRights(rights: readonly OwnedFd[]): Uint8Array {
  const { bytes, view } = message(SCM.RIGHTS, 4 * rights.length);
  rights.forEach((fd, i) => view.setInt32(HEADER + 4 * i, fd.number, true));
  return bytes;
}

export function writeCredentials({ pid, uid, gid }: UnixCredentials): Uint8Array {
  const { bytes, view } = message(SCM.CREDENTIALS, 12);
  [pid, uid, gid].forEach((value, i) => view.setUint32(HEADER + 4 * i, value, true));
  return bytes;
}

function message(type: number, size: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(aligned(HEADER + size));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(HEADER + size), true);
  view.setInt32(8, SOL.SOCKET, true);
  view.setInt32(12, type, true);
  return { bytes, view };
}
