// What /proc and a duplicate tell of an open file. Five thousand descriptors are usual: raw calls, no object more than needed.
import { AT, F, O, SO, SOL, SYS } from '@criu-ts/kernel/abi';
import { type FdInfo, parseFdInfo } from '@criu-ts/kernel/procfs';
import { fcntl, Memory, openAt, OwnedFd, open, pathString, pidfdGetfd, pidfdOpen, rawSyscall, readLink, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import type { TaskName } from '../errors.js';
import type { InspectedFile } from '../resources/file-kind.js';
import { NO_OWNER, readFown } from './fown.js';
import { openPath, statOf } from './paths.js';
import { option } from './socket-calls.js';

/** The part of a task that its files need. */
export interface FileOwner {
  readonly pid: number;
  readonly name: TaskName;
  readonly pidfd: OwnedFd;
}

/** A descriptor as it was found. */
export interface InspectedDescriptor {
  readonly fd: number;
  readonly cloexec: boolean;
  /** Differs for different open files, as far as can be told without kcmp(2). Holds only what never changes. */
  readonly key: string;
  /** Costs as much again: only for the first descriptor of each open file. */
  inspect(open?: () => OwnedFd): InspectedFile;
}

const memory = new Memory(192 * 1024);
const DENTS = 0;
const DENTS_SIZE = 64 * 1024;
const TEXT = DENTS_SIZE;
const TEXT_SIZE = 128 * 1024 - 256;
const NAME = memory.size - 256;

/** All descriptors of a task, ascending. */
export function inspectDescriptors(owner: FileOwner): InspectedDescriptor[] {
  using links = open(`/proc/${owner.pid}/fd`, O.RDONLY | O.DIRECTORY);
  using infos = open(`/proc/${owner.pid}/fdinfo`, O.RDONLY | O.DIRECTORY);
  return listNumbers(links).map((fd) => inspectDescriptor(owner, fd, links, infos));
}

/** A descriptor of our own, which the task's processes have none of: it waits in a queue of theirs. */
export function inspectHeld(fd: OwnedFd, task: TaskName): InspectedDescriptor {
  using self = pidfdOpen(process.pid);
  using links = open('/proc/self/fd', O.RDONLY | O.DIRECTORY);
  using infos = open('/proc/self/fdinfo', O.RDONLY | O.DIRECTORY);
  const owner: FileOwner = { pid: process.pid, name: task, pidfd: self };
  const found = inspectDescriptor(owner, fd.number, links, infos);
  const duplicate = (): OwnedFd => new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));
  return { ...found, inspect: () => ({ ...found.inspect(duplicate), fd: undefined }) };
}

function listNumbers(directory: OwnedFd): number[] {
  const numbers: number[] = [];
  for (;;) {
    const length = sys(SYS.getdents64, directory.number, memory.address + DENTS, DENTS_SIZE);
    if (length === 0) return numbers.sort((a, b) => a - b);
    for (let at = 0; at < length; at += memory.view.getUint16(at + 16, true)) {
      // struct linux_dirent64: the name begins at 19
      let number = 0;
      let i = at + 19;
      for (let byte = memory.bytes[i] as number; byte !== 0; byte = memory.bytes[++i] as number) number = number * 10 + byte - 0x30;
      if ((memory.bytes[at + 19] as number) !== 0x2e) numbers.push(number);
    }
  }
}

function inspectDescriptor(owner: FileOwner, fd: number, links: OwnedFd, infos: OwnedFd): InspectedDescriptor {
  const link = readLinkAt(links, String(fd));
  const text = readAt(infos, String(fd));
  const info = plainInfo(text) ?? parseFdInfo(text);
  return {
    fd,
    cloexec: (info.flags & O.CLOEXEC) !== 0,
    key: identityKey(link, info, text),
    inspect(duplicate = (): OwnedFd => pidfdGetfd(owner.pidfd, fd)): InspectedFile {
      using copy = duplicate();
      const flags = info.flags & ~O.CLOEXEC;
      return {
        task: owner.name,
        fd,
        procPath: `/proc/${owner.pid}/fd/${fd}`,
        link,
        stat: statOf(copy),
        flags,
        pos: info.pos,
        mntId: info.mountId,
        info,
        fown: (flags & O.PATH) !== 0 ? NO_OWNER : readFown(copy),
        ...(link.startsWith('socket:[') && { family: option(copy, SOL.SOCKET, SO.DOMAIN) }),
        open: duplicate,
      };
    },
  };
}

/** What nearly all files show, and nothing else. */
const PLAIN = /^pos:\t(\d+)\nflags:\t0([0-7]+)\nmnt_id:\t(\d+)\nino:\t(\d+)\n$/;
const NOTHING = {
  locks: [], eventfd: undefined, epoll: [], timerfd: undefined, sigmask: undefined, inotify: [], fanotify: undefined, pidfd: undefined,
  ttyIndex: undefined, tunInterface: undefined, scmFds: undefined, ioUring: undefined, unknown: [],
} satisfies Partial<FdInfo>;

/** As parseFdInfo, in a tenth of the time; undefined for anything special. */
function plainInfo(text: string): FdInfo | undefined {
  const [, pos, flags, mount, inode] = PLAIN.exec(text) ?? [];
  if (pos === undefined || flags === undefined || mount === undefined || inode === undefined) return undefined;
  return { pos: pos === '0' ? 0n : BigInt(pos), flags: Number.parseInt(flags, 8), mountId: Number(mount), inode: BigInt(inode), ...NOTHING };
}

/** Mount and inode. All anonymous inodes are one inode: their kind tells them apart, and eventfds have numbers. */
function identityKey(link: string, info: FdInfo, text: string): string {
  const kind = link.startsWith('anon_inode:') ? link : '';
  const eventfd = info.eventfd === undefined ? '' : /^eventfd-id:.*$/m.exec(text)?.[0];
  return `${info.mountId}:${info.inode}:${info.flags & (O.ACCMODE | O.PATH)}:${kind}:${eventfd}`;
}

/** A file that a task uses without a descriptor: exe, cwd, root, a mapped file. */
export function inspectPath(pid: number, task: TaskName, name: string, link = readLink(`/proc/${pid}/${name}`)): InspectedFile {
  const procPath = `/proc/${pid}/${name}`;
  const reopen = (): OwnedFd => openPath(procPath, O.PATH);
  using fd = reopen();
  return {
    task,
    fd: undefined,
    procPath,
    link,
    stat: statOf(fd),
    flags: 0,
    pos: 0n,
    mntId: mountOf(fd),
    info: undefined,
    fown: NO_OWNER,
    open: reopen,
  };
}

const STATX_MNT_ID = 0x1000;

function mountOf(fd: OwnedFd): number {
  memory.bytes[NAME] = 0;
  sys(SYS.statx, fd.number, memory.address + NAME, AT.EMPTY_PATH, STATX_MNT_ID, memory.address);
  return Number(memory.view.getBigUint64(0x90, true));
}

function readLinkAt(directory: OwnedFd, name: string): string {
  const length = sys(SYS.readlinkat, directory.number, memory.putString(name, NAME), memory.address + TEXT, 4096);
  return pathString(memory.bytes.subarray(TEXT, TEXT + length));
}

/** A file of /proc as Latin-1. The whole of it in one read, as a rule; an epoll with many targets takes more. */
function readAt(directory: OwnedFd, name: string): string {
  using fd = openAt(directory, name, O.RDONLY);
  let text = '';
  for (;;) {
    const length = rawSyscall(SYS.read, fd.number, memory.address + TEXT, TEXT_SIZE);
    if (length < 0) throw new SyscallFailed(`read(fdinfo/${name})`, -length);
    if (length === 0) return text;
    text += Buffer.from(memory.buffer, TEXT, length).toString('latin1');
    // The kernel writes the whole text before it hands out any (single_open): a short read was the last.
    if (length < TEXT_SIZE) return text;
  }
}
