// All kinds of open files; the first that recognises a file has it.
import { fd_types } from '@criu-ts/images';
import { major, S } from '@criu-ts/kernel/abi';
import { fileType } from '../../files/paths.js';
import type { FileKind, HostFiles, InspectedFile } from '../file-kind.js';
import { epoll } from './epoll.js';
import { eventfd } from './eventfd.js';
import { fanotify } from './fanotify.js';
import { fifo } from './fifo.js';
import { inetSocket } from './inet-socket.js';
import { inotify } from './inotify.js';
import { ioUring } from './io-uring.js';
import { memfd } from './memfd.js';
import { namespaceFile } from './namespace-file.js';
import { netlinkSocket } from './netlink-socket.js';
import { packetSocket } from './packet-socket.js';
import { pidfd } from './pidfd.js';
import { pipe } from './pipe.js';
import { MEM_MAJOR, regular } from './regular.js';
import { signalfd } from './signalfd.js';
import { timerfd } from './timerfd.js';
import { tty } from './tty.js';
import { unixSocket } from './unix-socket.js';

const kinds = [pipe, eventfd, epoll, timerfd, signalfd, inotify, fanotify, ioUring, memfd, pidfd, namespaceFile, unixSocket, netlinkSocket, packetSocket, inetSocket, fifo, tty, regular];
const FILE_KINDS = kinds as readonly FileKind[];

/** What most open files are: told without touching any other kind, which a program may load late. */
function isUsual({ link, stat }: InspectedFile, { shmemDev }: HostFiles): boolean {
  const type = fileType(stat.mode);
  const isPlain = type === S.IFREG || type === S.IFDIR || (type === S.IFCHR && major(stat.rdev) === MEM_MAJOR);
  return isPlain && link.startsWith('/') && !link.startsWith('/memfd:') && stat.dev !== shmemDev;
}

/** undefined: nobody here knows such a file; `files/unsupported.ts` tells why. */
export function kindOf(file: InspectedFile, host: HostFiles): FileKind | undefined {
  return isUsual(file, host) ? (regular as FileKind) : FILE_KINDS.find((kind) => kind.recognises(file, host));
}

/** undefined: a type that files.img can hold and we can't restore. */
export function kindOfType(type: fd_types): FileKind | undefined {
  return type === fd_types.REG ? (regular as FileKind) : FILE_KINDS.find((kind) => kind.type === type);
}

/** The type's name in files.img: `UNIXSK`. */
export function typeNameOf(type: number): string {
  return Object.entries(fd_types).find(([, value]) => value === type)?.[0] ?? String(type);
}
