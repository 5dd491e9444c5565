// Who is told of I/O on a file by a signal: fcntl(2) F_SETOWN_EX, F_SETSIG.
import type { fown_entry } from '@criu-ts/images';
import { F, f_owner_ex, PR, SYS } from '@criu-ts/kernel/abi';
import { fcntl, Memory, type OwnedFd, rawSyscall } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';

export const NO_OWNER: fown_entry = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };

const memory = new Memory(16);

/** @param fd a duplicate of a file that isn't O_PATH */
export function readFown(fd: OwnedFd): fown_entry {
  const signum = fcntl(fd, F.GETSIG);
  fcntl(fd, F.GETOWN_EX, memory.address);
  const { type, pid } = f_owner_ex.read(memory.view, 0);
  // An owner that is dead shows as 0.
  if (pid === 0) return signum === 0 ? NO_OWNER : { ...NO_OWNER, signum };
  const uids = fcntlUids(fd);
  return { ...uids, signum, pidType: type, pid };
}

/** F_GETOWNER_UIDS: the ids of who became owner, by which the kernel judges whether it may signal. */
function fcntlUids(fd: OwnedFd): { uid: number; euid: number } {
  fcntl(fd, F.GETOWNER_UIDS, memory.address);
  return { uid: memory.view.getUint32(0, true), euid: memory.view.getUint32(4, true) };
}

/** F_SETSIG can be done from our side; the owner must be set by somebody with its ids, see {@link setOwner}. */
export function setSignal(fd: OwnedFd, fown: fown_entry): void {
  if (fown.signum !== 0) fcntl(fd, F.SETSIG, fown.signum);
}

/** F_SETOWN_EX by a puppet, which is root still: the kernel records its ids. */
export function setOwner(batch: Batch, fd: number, fown: fown_entry): void {
  if (fown.pid === 0) return;
  batch.doing(`make ${fown.pid} the owner of fd ${fd}`);
  const foreign = fown.uid !== 0 || fown.euid !== 0;
  // The saved id stays 0: it is the way back.
  if (foreign) batch.call(SYS.setresuid, fown.uid, fown.euid, 0);
  const owner = batch.struct(f_owner_ex.size);
  f_owner_ex.write(owner.view, 0, { type: fown.pidType, pid: fown.pid });
  batch.call(SYS.fcntl, fd, F.SETOWN_EX, owner.address);
  if (!foreign) return;
  batch.call(SYS.setresuid, 0, 0, 0);
  // Changed ids make a task undumpable: then nobody could take its descriptors or write its memory.
  batch.call(SYS.prctl, PR.SET_DUMPABLE, 1);
}

/** Whether this process may still be reached: F_SETOWN_EX of a process that is gone fails with ESRCH. */
export function ownerExists(fown: fown_entry): boolean {
  if (fown.pid === 0) return true;
  return rawSyscall(SYS.kill, fown.pidType === 2 ? -fown.pid : fown.pid, 0) !== -3;
}
