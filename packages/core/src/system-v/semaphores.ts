// System V semaphore sets: semget(2), semctl(2), semop(2).
import { IMAGE_TYPES, type ipc_sem_entry } from '@criu-ts/images';
import { ERRNO, IPC, SEMCTL, semid64_ds, SYS } from '@criu-ts/kernel/abi';
import { Memory, rawSyscall, scratch, sys } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import type { DumpContext } from '../resources/contexts.js';
import { createObject, describeObject, permissionsOf, SEMAPHORES } from './objects.js';

/** Pids of the last semop(2) on each semaphore of a set; none where the set is gone. */
export function* lastUsers(id: number): Generator<number> {
  for (let index = 0; ; index++) {
    const pid = rawSyscall(SYS.semctl, id, index, SEMCTL.GETPID, 0);
    if (pid < 0) return;
    if (pid > 0) yield pid;
  }
}

function statSet(id: number): ReturnType<typeof semid64_ds.read> {
  sys(SYS.semctl, id, 0, IPC.STAT, scratch.address);
  return semid64_ds.read(scratch.view, 0);
}

/** Adds a set with its values. We must be in its namespace. @throws SyscallFailed */
export function captureSemaphores(id: number, namespaceId: number, at: DumpContext): void {
  const status = statSet(id);
  const nsems = Number(status.sem_nsems);
  const memory = new Memory(2 * nsems);
  sys(SYS.semctl, id, 0, SEMCTL.GETALL, memory.address);
  const values = Array.from({ length: nsems }, (_, i) => memory.view.getUint16(2 * i, true));
  at.append(IMAGE_TYPES.ipcnsSem, { message: { desc: describeObject(id, status), nsems }, payload: values }, namespaceId);
}

/** Makes a set with its id, and gives it its values. We must be in its namespace. @throws HostLacks, SyscallFailed */
export function restoreSemaphores({ desc, nsems }: ipc_sem_entry, values: readonly number[], creator: Puppet, onMade: () => void): void {
  createObject(SEMAPHORES, desc, creator, (b, key, flags) => b.attempt(SYS.semget, key, nsems, flags));
  onMade();
  const memory = new Memory(2 * nsems);
  values.forEach((value, i) => memory.view.setUint16(2 * i, value, true));
  sys(SYS.semctl, desc.id, 0, SEMCTL.SETALL, memory.address);
  semid64_ds.write(scratch.view, 0, { ...statSet(desc.id), uid: desc.uid, gid: desc.gid, mode: permissionsOf(desc) });
  sys(SYS.semctl, desc.id, 0, IPC.SET, scratch.address);
}

/** Whether there is such a set in our namespace. */
export function hasSemaphores(id: number): boolean {
  const result = rawSyscall(SYS.semctl, id, 0, IPC.STAT, scratch.address);
  return result !== -ERRNO.EINVAL && result !== -ERRNO.EIDRM;
}
