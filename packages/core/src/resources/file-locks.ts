// fcntl(2) "Advisory record locking", flock(2); fdinfo's "lock:" lines (fs/locks.c)
import { type file_lock_entry, IMAGE_TYPES, type ImageSet } from '@criu-ts/images';
import { F, flock, LOCK, O, SYS } from '@criu-ts/kernel/abi';
import type { FileLock } from '@criu-ts/kernel/procfs';
import type { Batch } from '@criu-ts/tracee';
import { ImageCorrupt, Unsupported } from '../errors.js';
import type { InspectedFile } from './file-kind.js';

/** `flag` of file_lock_entry. */
const KIND = { POSIX: 1, FLOCK: 2, OFD: 4 } as const;
const KIND_OF = { POSIX: KIND.POSIX, FLOCK: KIND.FLOCK, OFDLCK: KIND.OFD } as const;
/** `type` of file_lock_entry: F_RDLCK and F_WRLCK, also for flock(2). */
const READ = 0;
const WRITE = 1;

/** Says no to locks that can't be kept, or that nobody allowed to keep. @throws Unsupported */
export function judgeLocks({ info }: InspectedFile, allowed: boolean): void {
  for (const { kind, access } of info?.locks ?? []) {
    if (!(kind in KIND_OF) || (access !== 'READ' && access !== 'WRITE')) {
      throw new Unsupported('file', `a lock of kind ${kind} ${access} is not supported`, { hint: 'release it before the dump' });
    }
    if (!allowed) {
      throw new Unsupported('file', 'it has a file lock', {
        why: 'another process could take the lock between dump and restore',
        hint: 'if nobody else uses the file meanwhile, allow it with --file-locks',
      });
    }
  }
}

/**
 * Locks that a process holds through its descriptors. A record lock belongs to the process and shows at every
 * descriptor of its file: it is kept once, with one through which it can be taken again.
 */
export function captureLocks(pid: number, descriptors: readonly { readonly fd: number; readonly file: InspectedFile }[]): file_lock_entry[] {
  const found = new Map<string, file_lock_entry>();
  for (const { fd, file } of descriptors) {
    for (const lock of file.info?.locks ?? []) {
      const owner = lock.kind === 'POSIX' ? 'process' : `file ${descriptors.find((one) => one.file === file)?.fd}`;
      const key = [lock.kind, owner, lock.devMajor, lock.devMinor, lock.inode, lock.start, lock.end].join(' ');
      if (!found.has(key) && canTake(file.flags, lock)) found.set(key, entryOf(pid, fd, lock));
    }
  }
  return [...found.values()];
}

/** A record lock for reading wants a descriptor that reads, one for writing one that writes. */
function canTake(flags: number, lock: FileLock): boolean {
  if (lock.kind === 'FLOCK') return true;
  const mode = flags & O.ACCMODE;
  return mode === O.RDWR || mode === (lock.access === 'WRITE' ? O.WRONLY : O.RDONLY);
}

function entryOf(pid: number, fd: number, { kind, access, start, end }: FileLock): file_lock_entry {
  return {
    flag: KIND_OF[kind as keyof typeof KIND_OF],
    type: access === 'WRITE' ? WRITE : READ,
    pid,
    fd,
    start,
    len: end === undefined ? 0n : end - start + 1n,
  };
}

/** Locks of the images by the process that takes them. */
export function readLocks(images: ImageSet): Map<number, file_lock_entry[]> {
  const byPid = new Map<number, file_lock_entry[]>();
  for (const entry of images.readIfPresent(IMAGE_TYPES.fileLocks)) {
    const own = byPid.get(entry.pid) ?? [];
    byPid.set(entry.pid, own);
    own.push(entry);
  }
  return byPid;
}

/** The process takes its locks again; it fails where somebody else has them now. */
export function restoreLocks(batch: Batch, locks: readonly file_lock_entry[]): void {
  for (const { flag, type, fd, start, len } of locks) {
    if (type !== READ && type !== WRITE) throw new ImageCorrupt(`a lock of type ${type}`, { object: 'filelocks.img' });
    batch.doing(`lock fd ${fd}`);
    if (flag === KIND.FLOCK) {
      batch.call(SYS.flock, fd, (type === WRITE ? LOCK.EX : LOCK.SH) | LOCK.NB);
      continue;
    }
    if (flag !== KIND.POSIX && flag !== KIND.OFD) throw new Unsupported('image', `file locks of kind ${flag} are not supported`, { object: 'filelocks.img' });
    const range = batch.struct(flock.size);
    // l_whence 0 is SEEK_SET; l_pid must be 0 for F_OFD_SETLK.
    flock.write(range.view, 0, { l_type: type, l_whence: 0, l_start: start, l_len: len, l_pid: 0 });
    batch.call(SYS.fcntl, fd, flag === KIND.OFD ? F.OFD_SETLK : F.SETLK, range.address);
  }
}
