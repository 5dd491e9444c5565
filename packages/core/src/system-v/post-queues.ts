// POSIX message queues: mq_overview(7). They are files of an mqueue file system, of which an ipc namespace has one.
import { ERRNO, FSCONFIG, FSMOUNT, FSOPEN, SYS } from '@criu-ts/kernel/abi';
import { listDirectory } from '@criu-ts/kernel/procfs';
import { OwnedFd, rawSyscall, scratch, sys, SyscallFailed } from '@criu-ts/kernel/sys';

/** The names of all queues of the namespace that we are in, wherever it is mounted, if at all. @throws SyscallFailed */
export function postQueueNames(): string[] {
  const context = rawSyscall(SYS.fsopen, scratch.putString('mqueue'), FSOPEN.CLOEXEC);
  // The kernel has none.
  if (context === -ERRNO.ENODEV) return [];
  if (context < 0) throw new SyscallFailed('fsopen(mqueue)', -context);
  using config = new OwnedFd(context);
  sys(SYS.fsconfig, config.number, FSCONFIG.CMD_CREATE, 0, 0, 0);
  using mount = new OwnedFd(sys(SYS.fsmount, config.number, FSMOUNT.CLOEXEC, 0));
  return listDirectory(`/proc/self/fd/${mount.number}`);
}
