// Namespaces and mounts.
import { CLONE, MOVE_MOUNT, MS_MOUNT, SYS } from '@criu-ts/kernel/abi';
import { text } from './bench.js';
import { type Feature, feature, ownFeature } from './feature.js';

const AT_FDCWD = -100;

const canUnshare = (flag: number): Feature['probe'] => ({ withPuppet }) => withPuppet((puppet) => puppet.call(SYS.unshare, flag) === 0);

export const namespaceFeatures: readonly Feature[] = [
  feature('userns', 'extra', { neededFor: 'processes in a user namespace (rootless containers)', without: 'a kernel with CONFIG_USER_NS; sysctl user.max_user_namespaces above 0', since: '3.8' }, canUnshare(CLONE.NEWUSER)),
  feature('cgroupns', 'extra', { neededFor: 'processes in a cgroup namespace', without: 'run the container with the cgroup namespace of the host', since: '4.6' }, canUnshare(CLONE.NEWCGROUP)),
  feature('timens', 'extra', { neededFor: 'clocks that go on from where they were at the dump', without: 'timers on the monotonic clock are shifted by what the two hosts differ', since: '5.6, CONFIG_TIME_NS' }, canUnshare(CLONE.NEWTIME)),
  ownFeature('ipcns', 'extra', { neededFor: 'processes in an ipc namespace', without: 'CAP_SYS_ADMIN and a kernel with CONFIG_IPC_NS; sysctl user.max_ipc_namespaces above 0', since: '2.6.19, CONFIG_IPC_NS' }, canUnshare(CLONE.NEWIPC)),
  ownFeature('utsns', 'extra', { neededFor: 'processes in a uts namespace (a host name of their own)', without: 'CAP_SYS_ADMIN and a kernel with CONFIG_UTS_NS; sysctl user.max_uts_namespaces above 0', since: '2.6.19, CONFIG_UTS_NS' }, canUnshare(CLONE.NEWUTS)),
  feature('external_net_ns', 'named', { neededFor: 'restoring into a network namespace that is there already', without: 'CAP_SYS_ADMIN', since: '3.0' }, ({ withPuppet }) =>
    withPuppet((puppet) => {
      puppet.batch((b) => {
        const fd = b.call(SYS.openat, AT_FDCWD, text(b, '/proc/self/ns/net'), 0, 0);
        b.expect(0, SYS.setns, fd, CLONE.NEWNET);
      });
      return true;
    }),
  ),
  feature('move_mount_set_group', 'extra', { neededFor: 'restoring mount trees of any shape (shared and slave mounts)', without: 'only usual shapes are restored', since: '5.15' }, ({ withMounts }) =>
    withMounts((puppet) => {
      puppet.batch((b) => {
        b.call(SYS.mkdir, text(b, '/tmp/inner'), 0o755);
        b.call(SYS.mount, text(b, '/tmp/inner'), text(b, '/tmp/inner'), 0, MS_MOUNT.BIND, 0);
        b.call(SYS.mount, 0, text(b, '/tmp'), 0, MS_MOUNT.SHARED, 0);
        b.doing('give one mount the sharing of another').call(SYS.move_mount, AT_FDCWD, text(b, '/tmp'), AT_FDCWD, text(b, '/tmp/inner'), MOVE_MOUNT.SET_GROUP);
      });
      return true;
    }),
  ),
];
