// File locks and leases (fcntl(2), flock(2)), in the images filelocks.img.
import type { file_lock_entry, fown_entry } from '@criu-ts/images';
import { AT, F, f_owner_ex, flock, LOCK, O, SYS } from '@criu-ts/kernel/abi';
import type { FileLock } from '@criu-ts/kernel/procfs';
import type { Batch } from '@criu-ts/tracee';
import { ImageCorrupt, Unsupported } from '../errors.js';
import type { Holder, InspectedFile } from '../resources/file-kind.js';
import { setOwner } from './fown.js';

/** `flag` of file_lock_entry (an interface of the image format). */
const KIND = { POSIX: 1, FLOCK: 2, OFDLCK: 4, LEASE: 8 } as const;
/** `type` of a lease that is being broken: what it is to become, and this (an interface of the image format). */
const BREAKING = 4;
const TYPE = { READ: F.RDLCK, WRITE: F.WRLCK, UNLCK: F.UNLCK } as const;

/** What is needed of an open file. */
export interface LockedFile {
  readonly file: InspectedFile;
  readonly holders: readonly Holder[];
}

/** Who has which descriptors of the tree; undefined for strangers. */
export type DescriptorsOf = (pid: number) => ReadonlyMap<number, InspectedFile> | undefined;

/**
 * The locks that fdinfo shows for an open file, as the images have them: its own (flock, OFD, leases), and POSIX locks of
 * whoever locked through it or has it. The same POSIX lock shows for every descriptor of its inode.
 * @throws Unsupported for what can't be kept
 */
export function lockEntries({ file, holders }: LockedFile, descriptorsOf: DescriptorsOf): file_lock_entry[] {
  const entries: file_lock_entry[] = [];
  for (const lock of file.info?.locks ?? []) {
    judgeLock(lock);
    const owner = lock.kind === 'POSIX' ? posixOwner(lock, file, descriptorsOf) : (holders.find(({ pid }) => pid === lock.pid) ?? holders[0]);
    // A stranger's, who has the file too.
    if (owner === undefined) continue;
    const { start, end } = lock;
    const type = TYPE[lock.access as keyof typeof TYPE] | (lock.mode === 'BREAKING' ? BREAKING : 0);
    entries.push({ flag: KIND[lock.kind as keyof typeof KIND], type, pid: owner.pid, fd: owner.fd, start, len: end === undefined ? 0n : end - start + 1n });
  }
  return entries;
}

function judgeLock({ kind, mode, access }: FileLock): void {
  if (!(kind in KIND) || !(access in TYPE)) throw new Unsupported('file', `a ${kind} lock (${access}) is not supported`);
  if (kind === 'LEASE' && mode !== 'ACTIVE' && mode !== 'BREAKING') throw new Unsupported('file', `a lease that is ${mode} is not supported`);
}

/** Locks belong to the process, so any of its descriptors of the inode will do that is open in the right mode. */
function posixOwner({ pid, access }: FileLock, { stat }: InspectedFile, descriptorsOf: DescriptorsOf): Holder | undefined {
  const descriptors = descriptorsOf(pid);
  if (descriptors === undefined) return undefined;
  for (const [fd, other] of descriptors) {
    const mode = other.flags & O.ACCMODE;
    const fits = mode === O.RDWR || mode === (access === 'READ' ? O.RDONLY : O.WRONLY);
    if (fits && (other.flags & O.PATH) === 0 && other.stat.ino === stat.ino && other.stat.dev === stat.dev) return { pid, fd };
  }
  throw new Unsupported('file', `process ${pid} holds a lock (${access}) through a descriptor that it has no more`);
}

/** The same lock, seen through several descriptors, is one entry. */
export function lockKey({ flag, type, pid, fd, start, len }: file_lock_entry): string {
  return `${flag}:${type}:${pid}:${fd}:${start}:${len}`;
}

/** Of the file that a lease is on. */
export interface LeasedFile {
  /** O_* of the open file. */
  readonly flags: number;
  /** Who is told when the lease is broken. */
  readonly fown: fown_entry;
}

/** The call by which the process takes its lock again; it doesn't wait for anybody. */
export function takeLock(batch: Batch, { flag, type, fd, start, len }: file_lock_entry, leased: LeasedFile): void {
  batch.doing(`lock fd ${fd} again`);
  switch (flag) {
    case KIND.FLOCK:
      batch.expect(0, SYS.flock, fd, flockOperation(type) | LOCK.NB);
      return;
    case KIND.LEASE:
      if ((type & BREAKING) !== 0) breakLease(batch, fd, type & ~BREAKING, leased);
      else batch.expect(0, SYS.fcntl, fd, F.SETLEASE, type);
      return;
    case KIND.POSIX:
    case KIND.OFDLCK: {
      const lock = batch.struct(flock.size);
      flock.write(lock.view, 0, { l_type: type, l_whence: 0, l_start: start, l_len: len, l_pid: 0 });
      batch.expect(0, SYS.fcntl, fd, flag === KIND.POSIX ? F.SETLK : F.OFD_SETLK, lock.address);
      return;
    }
    default:
      throw new ImageCorrupt(`a lock of kind ${flag}`, { object: 'filelocks.img' });
  }
}

const EWOULDBLOCK = 11;

/**
 * Takes it as it was, and breaks it again: by opening the file as somebody has. The process was told then, and must not
 * be told again. How it was is not known where it is to go: as the file is open is the most that it can have been.
 */
function breakLease(batch: Batch, fd: number, becomes: number, { flags, fown }: LeasedFile): void {
  const readOnly = (flags & O.ACCMODE) === O.RDONLY;
  batch.expect(0, SYS.fcntl, fd, F.SETLEASE, readOnly ? F.RDLCK : F.WRLCK);
  const nobody = batch.struct(f_owner_ex.size);
  f_owner_ex.write(nobody.view, 0, { type: 1, pid: 0 });
  batch.expect(0, SYS.fcntl, fd, F.SETOWN_EX, nobody.address);
  batch.expect(-EWOULDBLOCK, SYS.openat, AT.FDCWD, batch.string(`/proc/self/fd/${fd}`), (becomes === F.UNLCK ? O.WRONLY : O.RDONLY) | O.NONBLOCK | O.CLOEXEC, 0);
  setOwner(batch, fd, fown);
}

function flockOperation(type: number): number {
  if (type === F.RDLCK) return LOCK.SH;
  if (type === F.WRLCK) return LOCK.EX;
  throw new ImageCorrupt(`a flock(2) lock of type ${type}`, { object: 'filelocks.img' });
}
