// What every dump and every restore needs.
import { AF, F, KCMP, O, PR, PTRACE, SO, SOCK, SOL, SYS, TCP } from '@criu-ts/kernel/abi';
import { dumpConsistent, parseUnixDiag, unixDiagRequest } from '@criu-ts/kernel/netlink';
import { readMaps, readStat, readStatus } from '@criu-ts/kernel/procfs';
import { fcntl, ioctl, kcmp, open, OwnedFd, pidfdGetfd, pidfdOpen, rawSyscall, sys } from '@criu-ts/kernel/sys';
import { existsSync, readdirSync } from 'node:fs';
import { statOf } from '../files/paths.js';
import { DiagSocket, setOption, socket, tryOption } from '../files/socket-calls.js';
import { fdInfo } from './bench.js';
import { type Feature, feature, ownFeature } from './feature.js';

const CAPABILITIES = { CAP_SYS_PTRACE: 19, CAP_SYS_ADMIN: 21 } as const;
const CAP_CHECKPOINT_RESTORE = 40;
const EIO = 5;
const TIOCSPTLCK = 0x4004_5431;
const TIOCGPTN = 0x8004_5430;
const MREMAP_MAYMOVE = 1;

/** A PID that nobody has, near the upper end. */
function freePid(): number {
  for (let pid = 32_000; pid > 20_000; pid--) if (!existsSync(`/proc/${pid}`)) return pid;
  throw new Error('there is no free PID below 32000');
}

export const basicFeatures: readonly Feature[] = [
  ownFeature('capabilities', 'basic', { neededFor: 'everything: looking into other processes, and making them', without: 'run as root; in a container add CAP_SYS_PTRACE, and CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN', since: '5.9' }, () => {
    const { capEff } = readStatus('self');
    const has = (bit: number): boolean => (capEff & (1n << BigInt(bit))) !== 0n;
    return (has(CAPABILITIES.CAP_SYS_PTRACE) && (has(CAPABILITIES.CAP_SYS_ADMIN) || has(CAP_CHECKPOINT_RESTORE))) || 'CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN) are not both there';
  }),
  ownFeature('ptrace', 'basic', { neededFor: 'steering processes, at dump and restore', without: 'lower kernel.yama.ptrace_scope below 3, allow ptrace(2) in the seccomp profile', since: '3.4' }, ({ withPuppet }) =>
    withPuppet((puppet) => puppet.call(SYS.getpid) > 0),
  ),
  feature('clone3_set_tid', 'basic', { neededFor: 'restoring processes and threads with their PIDs', without: 'a newer kernel, or CAP_CHECKPOINT_RESTORE in the user namespace that owns the PID namespace', since: '5.5' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      const pid = freePid();
      const child = puppet.clone({ flags: 0, exitSignal: 0, setTid: [pid] });
      return child.tracee.pid === pid;
    }),
  ),
  feature('pidfd_store', 'basic', { neededFor: 'taking descriptors from a process and handing them to one (pidfd_open, pidfd_getfd)', without: 'a newer kernel', since: '5.6' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      const remote = puppet.call(SYS.epoll_create1, 0);
      using pidfd = pidfdOpen(puppet.tracee.pid);
      using copy = pidfdGetfd(pidfd, remote);
      return copy.number >= 0;
    }),
  ),
  ownFeature('map_files', 'basic', { neededFor: 'reaching files that are mapped, also removed ones', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE, and CAP_CHECKPOINT_RESTORE', since: '3.3' }, () => {
    const [first] = readdirSync('/proc/self/map_files');
    using fd = open(`/proc/self/map_files/${first ?? ''}`, O.RDONLY);
    return fd.number >= 0;
  }),
  ownFeature('kcmp', 'basic', { neededFor: 'finding out which processes share a descriptor, memory or handlers', without: 'a kernel with CONFIG_KCMP (or CONFIG_CHECKPOINT_RESTORE); allow kcmp(2) in the seccomp profile', since: '3.5' }, () => kcmp(process.pid, process.pid, KCMP.FILE, 0, 0) === 0),
  ownFeature('sock_diag', 'basic', { neededFor: 'dumping unix sockets', without: 'a kernel with CONFIG_UNIX_DIAG (modprobe unix_diag)', since: '3.3' }, () => {
    using one = socket(AF.UNIX, SOCK.DGRAM, 0);
    using diag = new DiagSocket();
    const inode = Number(statOf(one).ino);
    return dumpConsistent(diag, unixDiagRequest()).map(parseUnixDiag).some((known) => known.inode === inode) || 'the list lacks a socket of ours';
  }),
  ownFeature('sock_peek_off', 'basic', { neededFor: 'reading what waits in the queues of unix sockets', without: 'a newer kernel', since: '3.4' }, () => {
    using one = socket(AF.UNIX, SOCK.STREAM, 0);
    setOption(one, SOL.SOCKET, SO.PEEK_OFF, 0);
    return true;
  }),
  ownFeature('prctl_mm_map', 'basic', { neededFor: 'restoring the layout of the address space (ps, /proc/PID/exe)', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE', since: '3.18' }, ({ memory }) => rawSyscall(SYS.prctl, PR.SET_MM, PR.SET_MM_MAP_SIZE, memory.address, 0, 0) === 0),
  ownFeature('tid_address', 'basic', { neededFor: 'dumping threads (PR_GET_TID_ADDRESS)', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE', since: '3.5' }, ({ memory }) => rawSyscall(SYS.prctl, PR.GET_TID_ADDRESS, memory.address, 0, 0, 0) === 0),
  ownFeature('file_owner', 'basic', { neededFor: 'dumping who is signalled for a descriptor (F_GETOWNER_UIDS)', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE', since: '3.6' }, ({ memory }) => {
    using fd = open('/proc/self/comm', O.RDONLY);
    return fcntl(fd, F.GETOWNER_UIDS, memory.address) === 0;
  }),
  ownFeature('proc_stat', 'basic', { neededFor: 'dumping the layout of the address space', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE', since: '3.5' }, () => readStat('self').pid === process.pid),
  ownFeature('fdinfo', 'basic', { neededFor: 'dumping eventfd, epoll, signalfd and inotify', without: 'a kernel with CONFIG_PROC_FS and these kinds of files', since: '3.8' }, ({ memory }) => {
    using event = new OwnedFd(sys(SYS.eventfd2, 0, O.CLOEXEC));
    using epoll = new OwnedFd(sys(SYS.epoll_create1, O.CLOEXEC));
    memory.bytes.fill(0, 0, 16);
    memory.view.setUint32(0, 1, true);
    sys(SYS.epoll_ctl, epoll.number, 1, event.number, memory.address);
    using signal = new OwnedFd(sys(SYS.signalfd4, -1, memory.address + 16, 8, O.CLOEXEC));
    using inotify = new OwnedFd(sys(SYS.inotify_init1, O.CLOEXEC));
    sys(SYS.inotify_add_watch, inotify.number, memory.putString('/', 64), 2);
    const shown: readonly (readonly [OwnedFd, string])[] = [[event, 'eventfd-count:'], [epoll, 'tfd:'], [signal, 'sigmask:'], [inotify, 'inotify wd:']];
    const missing = shown.filter(([fd, key]) => !fdInfo(fd).includes(key)).map(([, key]) => key);
    return missing.length === 0 || `fdinfo shows no ${missing.join(', ')}`;
  }),
  ownFeature('tty_lock', 'basic', { neededFor: 'dumping and restoring terminals', without: 'a kernel with CONFIG_UNIX98_PTYS, and /dev/pts', since: '3.11' }, ({ memory }) => {
    using master = open('/dev/ptmx', O.RDWR | O.NOCTTY);
    memory.view.setInt32(0, 1, true);
    ioctl(master, TIOCSPTLCK, memory.address);
    ioctl(master, TIOCGPTN, memory.address);
    const number = memory.view.getUint32(0, true);
    return rawSyscall(SYS.openat, -100, memory.putString(`/dev/pts/${number}`, 64), O.RDWR | O.NOCTTY | O.CLOEXEC) === -EIO || 'the lock of a terminal does nothing';
  }),
  ownFeature('socket_options', 'basic', { neededFor: 'dumping filters and interfaces of sockets (SO_GET_FILTER, SO_BINDTODEVICE)', without: 'a newer kernel', since: '3.8' }, () => {
    using one = socket(AF.INET, SOCK.DGRAM, 0);
    return tryOption(one, SOL.SOCKET, SO.GET_FILTER) !== undefined && tryOption(one, SOL.SOCKET, SO.BINDTODEVICE, 16) !== undefined;
  }),
  ownFeature('tcp_repair', 'basic', { neededFor: 'dumping and restoring TCP connections', without: 'CAP_NET_ADMIN in the network namespace', since: '3.5' }, () => {
    using one = socket(AF.INET, SOCK.STREAM, 0);
    setOption(one, SOL.TCP, TCP.REPAIR, 1);
    return true;
  }),
  ownFeature('sigqueueinfo', 'basic', { neededFor: 'restoring pending signals', without: 'a newer kernel', since: '3.9' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      puppet.batch((b) => {
        const info = b.struct(128);
        info.view.setInt32(0, 10, true);
        info.view.setInt32(8, 1, true);
        b.expect(0, SYS.rt_sigqueueinfo, puppet.tracee.pid, 10, info.address);
      });
      return true;
    }),
  ),
  ownFeature('ptrace_peeksiginfo', 'basic', { neededFor: 'dumping pending signals', without: 'a newer kernel', since: '3.10' }, ({ memory, withPuppet }) =>
    withPuppet((puppet) => {
      memory.bytes.fill(0, 0, 16);
      memory.view.setInt32(12, 1, true);
      puppet.tracee.request(PTRACE.PEEKSIGINFO, memory.address, memory.address + 64);
      return true;
    }),
  ),
  ownFeature('mremap_vdso', 'basic', { neededFor: 'moving the vdso to its place', without: 'a newer kernel; sealed system mappings (CONFIG_MSEAL_SYSTEM_MAPPINGS) forbid it too', since: '3.16' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      const vdso = readMaps(puppet.tracee.pid).find(({ name }) => name === '[vdso]');
      if (vdso === undefined) return 'processes have no vdso';
      const size = vdso.end - vdso.start;
      puppet.batch((b) => {
        const free = b.call(SYS.mmap, 0, size, 0, 0x22, -1, 0);
        b.call(SYS.mremap, vdso.start, size, size, MREMAP_MAYMOVE | 2, free);
      });
      const moved = readMaps(puppet.tracee.pid).find(({ name }) => name === '[vdso]');
      return moved !== undefined && moved.start !== vdso.start;
    }),
  ),
];
