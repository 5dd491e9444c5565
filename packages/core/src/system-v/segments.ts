// System V shared memory: shmget(2), shmat(2), shmctl(2).
import { IMAGE_TYPES, type ipc_shm_entry, type WithPayload } from '@criu-ts/images';
import { ERRNO, FALLOC_FL, IPC, major, minor, O, SHM, SHM_MODE, shmid64_ds, SYS } from '@criu-ts/kernel/abi';
import { mapFilePath } from '@criu-ts/kernel/procfs';
import { Memory, open, pwriteFully, rawSyscall, scratch, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import type { Puppet } from '@criu-ts/tracee';
import { statSync } from 'node:fs';
import { HostLacks, Unsupported } from '../errors.js';
import { shmemDevice } from '../host/shmem-device.js';
import type { DumpContext, RestoreContext } from '../resources/contexts.js';
import { fillSharedMemory } from '../resources/memory/shared-memory.js';
import { PAGE } from '../resources/memory/vma-status.js';
import { createObject, describeObject, permissionsOf, SEGMENT } from './objects.js';

export type SegmentStatus = ReturnType<typeof shmid64_ds.read>;

/** shmctl(2) IPC_STAT; undefined: there is no such segment (any more). */
export function statSegment(id: number): SegmentStatus | undefined {
  const result = rawSyscall(SYS.shmctl, id, IPC.STAT, scratch.address);
  if (result === -ERRNO.EINVAL || result === -ERRNO.EIDRM) return undefined;
  if (result < 0) throw new SyscallFailed(`shmctl(${id}, IPC_STAT)`, -result);
  return shmid64_ds.read(scratch.view, 0);
}

/**
 * Adds a segment; its contents are those of the shared memory object of its id.
 * @returns whether it has some: false where it is left to the outside
 */
export function captureSegment(id: number, status: SegmentStatus, namespaceId: number, at: DumpContext): boolean {
  const external = at.options.external?.includes(`shm[${id}]`) === true;
  const message: ipc_shm_entry = { desc: describeObject(id, status), size: status.shm_segsz, inPagemaps: true, creatorPid: status.shm_cpid, ...(external && { external }) };
  at.append(IMAGE_TYPES.ipcnsShm, { message, payload: new Uint8Array(0) }, namespaceId);
  return !external;
}

/** A segment that we have attached. */
export interface AttachedSegment extends Disposable {
  /** Opens its memory. */
  readonly procPath: string;
  /** False where it is of huge pages. */
  readonly isPlain: boolean;
}

/** Attaches a segment of the namespace that we are in; it stays so when we leave that. */
export function attachSegment(id: number, size: bigint, flags: number = 0): AttachedSegment {
  const start = sys(SYS.shmat, id, 0, flags);
  const procPath = mapFilePath('self', { start, end: start + bytesOf(size) });
  // Of huge pages it ends elsewhere, or lies on hugetlbfs.
  const device = statSync(procPath, { throwIfNoEntry: false, bigint: true })?.dev;
  const isPlain = device !== undefined && `${major(device)}:${minor(device)}` === shmemDevice();
  return { procPath, isPlain, [Symbol.dispose]: () => void rawSyscall(SYS.shmdt, start) };
}

const bytesOf = (size: bigint): number => Math.ceil(Number(size) / PAGE) * PAGE;

/**
 * Makes sure that the segment is there, with its id and contents: where the namespace has lived on, the kernel has kept
 * one whose processes were killed; otherwise it is made anew. We must be in its namespace.
 * @param creator makes it where it isn't there: the segment tells for good who did
 * @throws HostLacks
 */
export function restoreSegment({ message: entry, payload }: WithPayload<ipc_shm_entry>, creator: Puppet, at: RestoreContext, onMade: () => void): void {
  const { desc, size, external, hugetlbFlag } = entry;
  const status = statSegment(desc.id);
  if (status !== undefined) checkSame(entry, status);
  else if (external === true) throw missing(desc.id);
  if (external === true) return;
  if (hugetlbFlag !== undefined) throw new Unsupported('image', 'huge pages of hugetlbfs are not supported yet', { object: `System V segment ${desc.id}` });
  if (status === undefined) {
    createObject(SEGMENT, desc, creator, (b, key, flags) => b.attempt(SYS.shmget, key, size, flags));
    onMade();
  }
  fillSegment(entry, payload, at, status !== undefined);
  setOwner(entry);
}

/** Whether {@link restoreSegment} could make it, or use the one that is there. @throws HostLacks */
export function preflightSegment(entry: ipc_shm_entry): void {
  const status = statSegment(entry.desc.id);
  if (status !== undefined) checkSame(entry, status);
  else if (entry.external === true) throw missing(entry.desc.id);
}

function missing(id: number): HostLacks {
  return new HostLacks('shm-missing', 'it was left to the outside, and is not there', { object: `System V segment ${id}`, hint: 'make it first' });
}

/** @throws HostLacks where the id now is another segment's, or somebody uses it */
function checkSame({ desc, size, external }: ipc_shm_entry, status: SegmentStatus): void {
  const object = `System V segment ${desc.id}`;
  if (status.key >>> 0 !== desc.key || status.shm_segsz !== size) {
    throw new HostLacks('shm-taken', 'its id is taken by another segment', { object, why: `that one has the key 0x${(status.key >>> 0).toString(16)} and ${status.shm_segsz} bytes`, hint: `remove it (ipcrm -m ${desc.id}), if nobody needs it` });
  }
  if (status.shm_nattch === 0n || external === true) return;
  throw new HostLacks('shm-attached', `it is attached by others (${status.shm_nattch} times)`, { object, why: 'its contents would change under their hands', hint: 'end them first (ipcs -m -p tells the last one)' });
}

/** Segments that we have filled. They stay attached until the processes have attached them: the kernel may not wait (shm_rmid_forced). */
export function filling(at: RestoreContext): AttachedSegment[] {
  return at.shared('segments that were filled', () => {
    const attached: AttachedSegment[] = [];
    at.defer(() => attached.forEach((segment) => segment[Symbol.dispose]()));
    return attached;
  });
}

function fillSegment({ desc, size, inPagemaps }: ipc_shm_entry, payload: Uint8Array | undefined, at: RestoreContext, clear: boolean): void {
  const attached = attachSegment(desc.id, size);
  filling(at).push(attached);
  using memory = open(attached.procPath, O.RDWR);
  if (clear) sys(SYS.fallocate, memory.number, FALLOC_FL.PUNCH_HOLE | FALLOC_FL.KEEP_SIZE, 0, size);
  if (inPagemaps === true) fillSharedMemory(at.images, BigInt(desc.id), memory);
  else if (payload !== undefined) {
    const copy = new Memory(payload.length);
    copy.bytes.set(payload);
    pwriteFully(memory, copy.address, payload.length, 0);
  }
  // The last page may reach beyond the end.
  sys(SYS.ftruncate, memory.number, size);
}

function setOwner({ desc }: ipc_shm_entry): void {
  const status = statSegment(desc.id);
  const mode = permissionsOf(desc);
  if (status === undefined || (status.uid === desc.uid && status.gid === desc.gid && permissionsOf(status) === mode)) return;
  shmid64_ds.write(scratch.view, 0, { ...status, uid: desc.uid, gid: desc.gid, mode });
  sys(SYS.shmctl, desc.id, IPC.SET, scratch.address);
}

/** What would have it vanish, or hold it in memory, before all have attached it. We must be in its namespace. */
export function settleSegment({ desc, external }: ipc_shm_entry): void {
  if (external === true) return;
  if ((desc.mode & SHM_MODE.LOCKED) !== 0) sys(SYS.shmctl, desc.id, SHM.LOCK, 0);
  if ((desc.mode & SHM_MODE.DEST) !== 0) sys(SYS.shmctl, desc.id, IPC.RMID, 0);
}

/** The segments of the images. */
export function readSegments(at: RestoreContext, namespaceId: number): WithPayload<ipc_shm_entry>[] {
  return at.images.readIfPresent(IMAGE_TYPES.ipcnsShm, namespaceId);
}
