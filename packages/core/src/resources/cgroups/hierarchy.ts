// A hierarchy of cgroups(7), reached without looking for where it is mounted, if it is at all.
import { FSCONFIG, FSMOUNT, FSOPEN, O, SYS } from '@criu-ts/kernel/abi';
import { readMountInfo } from '@criu-ts/kernel/procfs';
import { Memory, open, OwnedFd, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import path from 'node:path';
import { HostLacks, toCriuError } from '../../errors.js';

/** The prefix of hierarchies without controllers (`name=systemd`). */
const NAMED = 'name=';

/** As errors call it. */
export const hierarchyTitle = (name: string): string => (name === '' ? 'the cgroup v2 hierarchy' : `the cgroup hierarchy ${name}`);

/** A directory of ours below which all cgroups of a hierarchy lie. */
export interface Hierarchy extends Disposable {
  /** Absolute path of one of its cgroups. */
  pathOf(cgroup: string): string;
}

/**
 * @param name as /proc/PID/cgroup has it: `cpu,cpuacct`, `name=systemd`, '' for v2
 * @param yard directory with all hierarchies mounted in it (CRIU's --cgroup-yard)
 * @throws HostLacks
 */
export function openHierarchy(name: string, yard: string | undefined): Hierarchy {
  try {
    const root = yard === undefined ? mountHierarchy(name) : open(path.join(yard, yardName(name)), O.RDONLY | O.DIRECTORY);
    return {
      pathOf: (cgroup) => `/proc/self/fd/${root.number}/${cgroup.replace(/^\/+/, '')}`,
      [Symbol.dispose]: () => root[Symbol.dispose](),
    };
  } catch (error) {
    const { message } = toCriuError(error);
    throw new HostLacks('cgroup', `${hierarchyTitle(name)} can not be reached${yard === undefined ? '' : ` in ${yard}`}: ${message}`, { hint: 'run as root, name where the hierarchies are mounted (--cgroup-yard DIR), or leave cgroups alone (--manage-cgroups=ignore)', cause: error });
  }
}

const yardName = (name: string): string => (name === '' ? 'unified' : name.startsWith(NAMED) ? name.slice(NAMED.length) : name);

/** A mount of our own, in nobody's tree. The kernel makes a named hierarchy that it does not have. */
function mountHierarchy(name: string): OwnedFd {
  const type = name === '' ? 'cgroup2' : 'cgroup';
  const text = new Memory(512);
  const context = rawSyscall(SYS.fsopen, text.putString(type), FSOPEN.CLOEXEC);
  if (context < 0) return mountedHierarchy(name, -context);
  using config = new OwnedFd(context);
  const configure = (command: number, key: number, value: number): number => rawSyscall(SYS.fsconfig, config.number, command, key, value, 0);
  if (name.startsWith(NAMED)) must(configure(FSCONFIG.SET_STRING, text.putString('name'), text.putString(name.slice(NAMED.length), 64)), 'fsconfig(name)');
  else for (const controller of name.split(',')) if (controller !== '') must(configure(FSCONFIG.SET_FLAG, text.putString(controller), 0), `fsconfig(${controller})`);
  must(configure(FSCONFIG.CMD_CREATE, 0, 0), `fsconfig(${type}, CMD_CREATE)`);
  return new OwnedFd(must(rawSyscall(SYS.fsmount, config.number, FSMOUNT.CLOEXEC, 0), `fsmount(${type})`));
}

/** Where it is mounted already: for kernels before 5.2, and where we may not mount. */
function mountedHierarchy(name: string, errno: number): OwnedFd {
  const wanted = name === '' ? [] : name.split(',');
  const found = readMountInfo('self').find(({ fsType, root, superOptions }) => {
    const options = superOptions.split(',');
    return root === '/' && (name === '' ? fsType === 'cgroup2' : fsType === 'cgroup' && wanted.every((controller) => options.includes(controller)));
  });
  if (found === undefined) throw new SyscallFailed('fsopen(cgroup)', errno);
  return open(found.mountPoint, O.RDONLY | O.DIRECTORY);
}

function must(result: number, what: string): number {
  if (result < 0) throw new SyscallFailed(what, -result);
  return result;
}
