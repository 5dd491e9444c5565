// Files, and what /proc says of them.
import { io_uring_params, MAP, O, PROT, SYS } from '@criu-ts/kernel/abi';
import { readMaps } from '@criu-ts/kernel/procfs';
import { memfd, open, OwnedFd, rawSyscall, sys, tryIoctl } from '@criu-ts/kernel/sys';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fdInfo, text } from './bench.js';
import { type Feature, feature, ownFeature } from './feature.js';

const LOCK_EX = 2;
/** _IOW('T', 0, __u64) */
const TFD_IOC_SET_TICKS = 0x4008_5400;
/** _IOW('T', 218, unsigned int) */
const TUNSETIFINDEX = 0x4004_54da;
const SIOCGSKNS = 0x894c;
const AT_FDCWD = -100;

export const fileFeatures: readonly Feature[] = [
  feature('mnt_id', 'extra', { neededFor: 'telling on which mount an open file lies', without: 'files on mounts that hide each other may be taken for one another', since: '3.15' }, () => {
    using fd = open('/proc/self/comm', O.RDONLY);
    return /^mnt_id:/m.test(fdInfo(fd));
  }),
  feature('fdinfo_lock', 'extra', { neededFor: 'dumping file locks', without: 'have the program release its locks before the dump', since: '4.1' }, () => {
    using fd = memfd('check');
    sys(SYS.flock, fd.number, LOCK_EX);
    return /^lock:/m.test(fdInfo(fd));
  }),
  feature('timerfd', 'extra', { neededFor: 'dumping timerfds, with the times that were not read', without: 'a newer kernel', since: '3.17' }, ({ memory }) => {
    using fd = new OwnedFd(sys(SYS.timerfd_create, 1, O.CLOEXEC));
    if (!/^clockid:/m.test(fdInfo(fd))) return 'fdinfo does not tell its settings';
    memory.view.setBigUint64(0, 1n, true);
    return tryIoctl(fd, TFD_IOC_SET_TICKS, memory.address) === 0 || 'TFD_IOC_SET_TICKS is missing (CONFIG_CHECKPOINT_RESTORE)';
  }),
  feature('openat2', 'extra', { neededFor: 'opening paths of a container without being led out of it', without: 'paths are followed step by step', since: '5.6' }, ({ memory }) => {
    memory.bytes.fill(0, 0, 24);
    memory.view.setBigUint64(0, BigInt(O.PATH | O.CLOEXEC), true);
    const result = rawSyscall(SYS.openat2, AT_FDCWD, memory.putString('/', 64), memory.address, 24);
    if (result >= 0) new OwnedFd(result)[Symbol.dispose]();
    return result >= 0;
  }),
  feature('overlayfs_maps', 'extra', { neededFor: 'telling which file a mapping is of, on overlayfs', without: 'programs of containers are found by their paths', since: '6.8' }, ({ withMounts }) =>
    withMounts((puppet) => {
      const { pid } = puppet.tracee;
      puppet.batch((b) => {
        for (const dir of ['lower', 'upper', 'work', 'merged']) b.call(SYS.mkdir, text(b, `/tmp/${dir}`), 0o755);
        b.call(SYS.mount, text(b, 'overlay'), text(b, '/tmp/merged'), text(b, 'overlay'), 0, text(b, 'lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work'));
      });
      const fd = puppet.batch((b) => {
        const ref = b.call(SYS.openat, AT_FDCWD, text(b, '/tmp/merged/file'), O.RDWR | O.CREAT, 0o600);
        b.call(SYS.ftruncate, ref, 4096);
        b.run();
        return b.result(ref);
      });
      const address = puppet.call(SYS.mmap, 0, 4096, PROT.READ, MAP.PRIVATE, fd, 0);
      const mapping = readMaps(pid).find(({ start }) => start === address);
      const { ino } = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true });
      // The path of a mapping led to the layer's file, not to the one that was opened, before.
      return mapping !== undefined && mapping.inode === ino && statSync(`/proc/${pid}/map_files/${address.toString(16)}-${(address + 4096).toString(16)}`, { bigint: true }).dev === statSync(`/proc/${pid}/fd/${fd}`, { bigint: true }).dev;
    }),
  ),
  feature('tun', 'extra', { neededFor: 'TUN and TAP devices', without: 'modprobe tun, and give the container /dev/net/tun', since: '3.9' }, ({ memory }) => {
    using fd = open('/dev/net/tun', O.RDWR);
    memory.view.setUint32(0, 7777, true);
    return tryIoctl(fd, TUNSETIFINDEX, memory.address) === 0;
  }),
  feature('tun_ns', 'named', { neededFor: 'TUN and TAP devices of several network namespaces', without: 'they are restored into one network namespace', since: '5.9' }, () => {
    using fd = open('/dev/net/tun', O.RDWR);
    const result = tryIoctl(fd, SIOCGSKNS);
    if (result >= 0) new OwnedFd(result)[Symbol.dispose]();
    return result >= 0;
  }),
  ownFeature('io_uring', 'extra', { neededFor: 'idle rings of io_uring', without: 'sysctl kernel.io_uring_disabled=0, or start programs with io_uring turned off', since: '5.19' }, ({ memory }) => {
    memory.bytes.fill(0, 0, io_uring_params.size);
    using fd = new OwnedFd(sys(SYS.io_uring_setup, 4, memory.address));
    return /^SqMask:/m.test(fdInfo(fd)) || 'fdinfo does not tell its state';
  }),
  ownFeature('ipc_next_id', 'extra', { neededFor: 'System V shared memory, semaphores and message queues with their ids', without: 'a kernel with CONFIG_CHECKPOINT_RESTORE and CONFIG_SYSVIPC', since: '3.8' }, () => {
    const missing = ['sem', 'msg', 'shm'].filter((kind) => !existsSync(`/proc/sys/kernel/${kind}_next_id`));
    return missing.length === 0 || `kernel.${missing.join('_next_id, kernel.')}_next_id is missing`;
  }),
  feature('autofs', 'experimental', { neededFor: 'automounter mounts in mount namespaces', without: 'unmount them before the dump', since: '4.10' }, ({ withMounts }) =>
    withMounts((puppet) => {
      const { pid } = puppet.tracee;
      puppet.batch((b) => {
        const pipe = b.struct(8);
        b.call(SYS.pipe2, pipe.address, 0);
      });
      const pipe = readPipe(pid);
      puppet.batch((b) => {
        b.call(SYS.mkdir, text(b, '/tmp/auto'), 0o755);
        b.call(SYS.setsid);
      });
      puppet.batch((b) => {
        b.call(SYS.mount, text(b, 'auto'), text(b, '/tmp/auto'), text(b, 'autofs'), 0, text(b, `fd=${pipe},pgrp=${pid},minproto=5,maxproto=5,direct`));
      });
      return readFileSync(`/proc/${pid}/mountinfo`, 'latin1').includes('pipe_ino=');
    }),
  ),
];

/** The writing end of the only pipe that a blank process has: the highest descriptor. */
function readPipe(pid: number): number {
  for (let fd = 64; fd > 0; fd--) if (existsSync(`/proc/${pid}/fdinfo/${fd}`)) return fd;
  throw new Error('the pipe is not there');
}
