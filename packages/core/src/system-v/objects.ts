// What System V segments, semaphore sets and message queues have in common: sysvipc(7), ipc/util.c.
import type { ipc_desc_entry } from '@criu-ts/images';
import { ERRNO, IPC, SYS } from '@criu-ts/kernel/abi';
import { rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import type { Batch, Puppet, Ref } from '@criu-ts/tracee';
import { writeFileSync } from 'node:fs';
import { HostLacks } from '../errors.js';

/** What the kernel tells of every object: struct ipc64_perm. */
export interface ObjectStatus {
  readonly key: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
  readonly mode: number;
}

export interface ObjectKind {
  readonly kind: 'shm' | 'sem' | 'msg';
  /** `System V segment` */
  readonly what: string;
  /** Option of ipcrm(1) for an id; that for a key is its capital letter. */
  readonly ipcrm: string;
  /** Makes a small one, of ours. @returns its id or a negated errno */
  readonly makeAny: () => number;
  /** @returns 0 or a negated errno */
  readonly remove: (id: number) => number;
}

export const SEGMENT: ObjectKind = { kind: 'shm', what: 'System V segment', ipcrm: '-m', makeAny: () => rawSyscall(SYS.shmget, IPC.PRIVATE, 1, IPC.CREAT), remove: (id) => rawSyscall(SYS.shmctl, id, IPC.RMID, 0) };
export const SEMAPHORES: ObjectKind = { kind: 'sem', what: 'System V semaphore set', ipcrm: '-s', makeAny: () => rawSyscall(SYS.semget, IPC.PRIVATE, 1, IPC.CREAT), remove: (id) => rawSyscall(SYS.semctl, id, 0, IPC.RMID, 0) };
export const QUEUE: ObjectKind = { kind: 'msg', what: 'System V message queue', ipcrm: '-q', makeAny: () => rawSyscall(SYS.msgget, IPC.PRIVATE, IPC.CREAT), remove: (id) => rawSyscall(SYS.msgctl, id, IPC.RMID, 0) };

/** In the images' words. */
export function describeObject(id: number, { key, uid, gid, cuid, cgid, mode }: ObjectStatus): ipc_desc_entry {
  return { key: key >>> 0, uid, gid, cuid, cgid, mode, id };
}

/** The permissions, without what else stands in the mode. */
export const permissionsOf = ({ mode }: { readonly mode: number }): number => mode & 0o777;

/**
 * Makes an object with its id (`/proc/sys/kernel/*_next_id`) and its creator's credentials. We must be in its namespace.
 * @param creator makes it, in the same namespace: a segment tells for good who did
 * @param make adds the call: shmget(2), semget(2), msgget(2)
 * @throws HostLacks where id or key are another's
 */
export function createObject({ kind, what, ipcrm, makeAny, remove }: ObjectKind, desc: ipc_desc_entry, creator: Puppet, make: (batch: Batch, key: number, flags: number) => Ref): void {
  const object = `${what} ${desc.id}`;
  writeFileSync(`/proc/sys/kernel/${kind}_next_id`, String(desc.id));
  const id = creator.batch((b) => {
    b.doing(`create a ${what}`);
    b.call(SYS.setresgid, -1, desc.cgid, -1);
    b.call(SYS.setresuid, -1, desc.cuid, -1);
    const made = make(b, desc.key | 0, permissionsOf(desc) | IPC.CREAT | IPC.EXCL);
    b.call(SYS.setresuid, -1, 0, -1);
    b.call(SYS.setresgid, -1, 0, -1);
    b.run();
    return b.result(made);
  });
  if (id === desc.id) return;
  // The wish for an id stays until an object is made: it must not be a stranger's.
  const unwanted = id < 0 ? makeAny() : id;
  if (unwanted >= 0) remove(unwanted);
  const key = `0x${desc.key.toString(16)}`;
  if (id === -ERRNO.EEXIST) throw new HostLacks(`${kind}-taken`, `another one has its key ${key}`, { object, hint: `remove that one (ipcrm ${ipcrm.toUpperCase()} ${key}), if nobody needs it` });
  if (id < 0) throw new SyscallFailed(`${kind}get(${key})`, -id);
  throw new HostLacks(`${kind}-taken`, `the kernel gave it the id ${id}`, { object, why: 'its place is taken by another one', hint: `remove the others (ipcs ${ipcrm}, ipcrm ${ipcrm})` });
}
