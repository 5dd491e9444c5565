// System V shared memory (sysvipc(7), shmget(2), shmat(2), shmctl(2)), segments in the host's own ipc namespace.
import { IMAGE_TYPES, type ipc_shm_entry, type mm_entry, type vma_entry } from '@criu-ts/images';
import { ERRNO, FALLOC_FL, IPC, MAP, O, PROT, SHM, SHM_MODE, shmid64_ds, SYS } from '@criu-ts/kernel/abi';
import { mapFilePath } from '@criu-ts/kernel/procfs';
import { open, rawSyscall, scratch, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import type { Batch, Puppet } from '@criu-ts/tracee';
import { writeFileSync } from 'node:fs';
import { HostLacks, Unsupported } from '../../errors.js';
import type { RestoreContext } from '../contexts.js';
import { hugeFlags, hugePageSize } from './hugetlb.js';
import { fillSharedMemory } from './shared-memory.js';
import { PAGE, VMA } from './vma-status.js';

export type SegmentStatus = ReturnType<typeof shmid64_ds.read>;

/** shmctl(2) IPC_STAT; undefined: there is no such segment (any more). */
export function statSegment(id: number): SegmentStatus | undefined {
  const result = rawSyscall(SYS.shmctl, id, IPC.STAT, scratch.address);
  if (result === -ERRNO.EINVAL || result === -ERRNO.EIDRM) return undefined;
  if (result < 0) throw new SyscallFailed(`shmctl(${id}, IPC_STAT)`, -result);
  return shmid64_ds.read(scratch.view, 0);
}

/** In the images' words. @param flags of a mapping of it */
export function describeSegment(id: number, status: SegmentStatus, flags: number): ipc_shm_entry {
  const { key, uid, gid, cuid, cgid, mode } = status;
  const size = hugeFlags(flags) & ~MAP.HUGETLB;
  return { desc: { key: key >>> 0, uid, gid, cuid, cgid, mode, id }, size: status.shm_segsz, inPagemaps: true, creatorPid: status.shm_cpid, ...(flags & MAP.HUGETLB && { hugetlbFlag: SHM.HUGETLB | size }) };
}

/** What one shmat(2) made and munmap(2) and mprotect(2) left of it: parts of the segment around one place. */
export interface Attachment {
  readonly id: number;
  /** Where the segment's first byte is, or was. */
  readonly base: number;
  /** In order of address. */
  readonly pieces: readonly vma_entry[];
}

export const isSystemV = ({ status }: vma_entry): boolean => (status & VMA.SYSVIPC) !== 0;

export function attachmentsOf(vmas: readonly vma_entry[]): Attachment[] {
  const found = new Map<string, { id: number; base: number; pieces: vma_entry[] }>();
  for (const vma of vmas) {
    if (!isSystemV(vma)) continue;
    const base = Number(vma.start - vma.pgoff);
    const key = `${vma.shmid} ${base}`;
    const attachment = found.get(key) ?? { id: Number(vma.shmid), base, pieces: [] };
    attachment.pieces.push(vma);
    found.set(key, attachment);
  }
  return [...found.values()].sort((a, b) => a.base - b.base);
}

/**
 * Adds the calls that attach all segments of a process. They come before its other mappings: a segment is attached
 * whole, and what the process had unmapped of it may be another mapping's place.
 */
export function attachSegments(batch: Batch, mm: mm_entry, sizeOf: (id: number) => number): void {
  for (const { id, base, pieces } of attachmentsOf(mm.vmas)) {
    const end = base + sizeOf(id);
    const readOnly = pieces.every(isReadOnly);
    batch.doing(`attach System V segment ${id}`).expect(base, SYS.shmat, id, base, readOnly ? SHM.RDONLY : 0);
    let at = base;
    for (const piece of pieces) {
      if (Number(piece.start) > at) batch.call(SYS.munmap, at, Number(piece.start) - at);
      at = Number(piece.end);
    }
    if (at < end) batch.call(SYS.munmap, at, end - at);
    const prot = readOnly ? PROT.READ : PROT.READ | PROT.WRITE;
    for (const piece of pieces) if (piece.prot !== prot) batch.call(SYS.mprotect, piece.start, piece.end - piece.start, piece.prot);
  }
}

/** Attached with SHM_RDONLY. Images of old have no fdflags. */
function isReadOnly({ fdflags, prot }: vma_entry): boolean {
  return fdflags === undefined ? (prot & PROT.WRITE) === 0 : (fdflags & O.ACCMODE) === O.RDONLY;
}

/** Bytes that an attachment takes. */
export function attachedSize({ size, hugetlbFlag = 0 }: ipc_shm_entry): number {
  const page = hugetlbFlag === 0 ? PAGE : hugePageSize(hugetlbFlag);
  return Math.ceil(Number(size) / page) * page;
}

/**
 * Makes sure that the segment is there, with its id and contents: the kernel keeps one whose processes were killed, so
 * mostly it is found; otherwise it is made anew.
 * @param creator makes it where it isn't there: the segment tells for good who did
 * @param isAlive false when the restore has failed: a new segment is taken away again
 */
export function restoreSegment(entry: ipc_shm_entry, creator: Puppet, at: RestoreContext, isAlive: () => boolean): void {
  const { desc, external } = entry;
  const { id } = desc;
  const status = statSegment(id);
  if (status !== undefined) checkSame(entry, status);
  else if (external === true) throw missing(id);
  if (external === true) return;
  if (entry.inPagemaps !== true) throw new Unsupported('image', 'contents of a System V segment that are no pages are not supported', { object: `System V segment ${id}` });
  if (status === undefined) {
    createSegment(entry, creator);
    at.defer(() => {
      if (!isAlive()) rawSyscall(SYS.shmctl, id, IPC.RMID, 0);
    });
  }
  fillSegment(entry, at, status !== undefined);
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

function createSegment({ desc, size, hugetlbFlag = 0 }: ipc_shm_entry, creator: Puppet): void {
  const object = `System V segment ${desc.id}`;
  writeFileSync('/proc/sys/kernel/shm_next_id', String(desc.id));
  const id = creator.batch((b) => {
    b.doing('create a System V segment');
    b.call(SYS.setresgid, -1, desc.cgid, -1);
    b.call(SYS.setresuid, -1, desc.cuid, -1);
    const made = b.attempt(SYS.shmget, desc.key | 0, size, (desc.mode & 0o777) | hugetlbFlag | IPC.CREAT | IPC.EXCL);
    b.call(SYS.setresuid, -1, 0, -1);
    b.call(SYS.setresgid, -1, 0, -1);
    b.run();
    return b.result(made);
  });
  if (id === desc.id) return;
  // The wish for an id stays until a segment is made: it must not be a stranger's.
  const unwanted = id < 0 ? rawSyscall(SYS.shmget, IPC.PRIVATE, 1, IPC.CREAT) : id;
  if (unwanted >= 0) rawSyscall(SYS.shmctl, unwanted, IPC.RMID, 0);
  const key = `0x${desc.key.toString(16)}`;
  if (id === -ERRNO.EEXIST) throw new HostLacks('shm-taken', `another segment has its key ${key}`, { object, hint: `remove that one (ipcrm -M ${key}), if nobody needs it` });
  if (id < 0) throw new SyscallFailed(`shmget(${key}, ${size})`, -id);
  throw new HostLacks('shm-taken', `the kernel gave it the id ${id}`, { object, why: 'its place is taken by another segment', hint: 'remove the others (ipcs -m, ipcrm -m)' });
}

function fillSegment(entry: ipc_shm_entry, at: RestoreContext, clear: boolean): void {
  const { desc, size } = entry;
  const start = sys(SYS.shmat, desc.id, 0, 0);
  try {
    using memory = open(mapFilePath('self', { start, end: start + attachedSize(entry) }), O.RDWR);
    if (clear) sys(SYS.fallocate, memory.number, FALLOC_FL.PUNCH_HOLE | FALLOC_FL.KEEP_SIZE, 0, size);
    fillSharedMemory(at.images, BigInt(desc.id), memory);
    // The last page may reach beyond the end; of a huge one it is all there.
    if (entry.hugetlbFlag === undefined) sys(SYS.ftruncate, memory.number, size);
  } finally {
    sys(SYS.shmdt, start);
  }
}

function setOwner({ desc }: ipc_shm_entry): void {
  const status = statSegment(desc.id);
  const mode = desc.mode & 0o777;
  if (status === undefined || (status.uid === desc.uid && status.gid === desc.gid && (status.mode & 0o777) === mode)) return;
  shmid64_ds.write(scratch.view, 0, { ...status, uid: desc.uid, gid: desc.gid, mode });
  sys(SYS.shmctl, desc.id, IPC.SET, scratch.address);
}

/** What would have it vanish, or hold it in memory, before all have attached it. */
export function settleSegment({ desc, external }: ipc_shm_entry): void {
  if (external === true) return;
  if ((desc.mode & SHM_MODE.LOCKED) !== 0) sys(SYS.shmctl, desc.id, SHM.LOCK, 0);
  if ((desc.mode & SHM_MODE.DEST) !== 0) sys(SYS.shmctl, desc.id, IPC.RMID, 0);
}

/** The segments in the images of the host's own ipc namespace. */
export function readSegments(at: RestoreContext, ipcNsId: number | undefined): ipc_shm_entry[] {
  return at.images.readIfPresent(IMAGE_TYPES.ipcnsShm, ipcNsId ?? 0).map(({ message }) => message);
}
