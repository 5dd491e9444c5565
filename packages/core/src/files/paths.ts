// Calls on paths and descriptors that files need: paths are bytes (surrogate-escaped strings), so node:fs won't do.
import { AT, major, minor, O, S, stat, statfs, SYS } from '@criu-ts/kernel/abi';
import { Memory, OwnedFd, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';

/** What of struct stat files are told by. Times are not here: see {@link timesOf}. */
export interface FileStat {
  /** In user space's encoding. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** In user space's encoding. */
  readonly rdev: bigint;
  readonly size: bigint;
  /** Bytes; of hugetlbfs, of a page. */
  readonly blksize: number;
  /** Of 512 bytes. */
  readonly blocks: bigint;
}

const memory = new Memory(16 * 1024);
const FIRST = 0;
const SECOND = 4224;
const RESULT = 8448;
const resultAt = (): number => memory.address + RESULT;

function readStatBuffer(): FileStat {
  const { view } = memory;
  const at = (field: keyof typeof stat.offsets): number => RESULT + stat.offsets[field];
  return {
    dev: view.getBigUint64(at('st_dev'), true),
    ino: view.getBigUint64(at('st_ino'), true),
    nlink: Number(view.getBigUint64(at('st_nlink'), true)),
    mode: view.getUint32(at('st_mode'), true),
    uid: view.getUint32(at('st_uid'), true),
    gid: view.getUint32(at('st_gid'), true),
    rdev: view.getBigUint64(at('st_rdev'), true),
    size: view.getBigInt64(at('st_size'), true),
    blksize: Number(view.getBigInt64(at('st_blksize'), true)),
    blocks: view.getBigInt64(at('st_blocks'), true),
  };
}

/** fstat(2) */
export function statOf(fd: OwnedFd): FileStat {
  sys(SYS.fstat, fd.number, resultAt());
  return readStatBuffer();
}

/** stat(2), or lstat(2); undefined where nothing is there (ENOENT, ENOTDIR). */
export function statPath(path: string, follow = true): FileStat | undefined {
  const error = rawSyscall(SYS.newfstatat, AT.FDCWD, memory.putString(path, FIRST), resultAt(), follow ? 0 : AT.SYMLINK_NOFOLLOW);
  if (error === 0) return readStatBuffer();
  if (isMissing(-error)) return undefined;
  throw new SyscallFailed(`stat(${JSON.stringify(path)})`, -error);
}

export interface FileTimes {
  readonly atime: { readonly sec: bigint; readonly nsec: bigint };
  readonly mtime: { readonly sec: bigint; readonly nsec: bigint };
}

export function timesOf(fd: OwnedFd): FileTimes {
  sys(SYS.fstat, fd.number, resultAt());
  const word = (field: keyof typeof stat.offsets): bigint => memory.view.getBigInt64(RESULT + stat.offsets[field], true);
  return { atime: { sec: word('st_atime'), nsec: word('st_atime_nsec') }, mtime: { sec: word('st_mtime'), nsec: word('st_mtime_nsec') } };
}

/** utimensat(2) of the file itself, a symlink too. */
export function setTimes(path: string, { atime, mtime }: FileTimes): void {
  const { view } = memory;
  [atime.sec, atime.nsec, mtime.sec, mtime.nsec].forEach((value, i) => view.setBigInt64(RESULT + 8 * i, value, true));
  sys(SYS.utimensat, AT.FDCWD, memory.putString(path, FIRST), resultAt(), AT.SYMLINK_NOFOLLOW);
}

/** fstatfs(2): FS_MAGIC of the file system. */
export function fsTypeOf(fd: OwnedFd): number {
  sys(SYS.fstatfs, fd.number, resultAt());
  return Number(memory.view.getBigInt64(RESULT + statfs.offsets.f_type, true));
}

/** A descriptor of ours opened anew, as a file of its own: open(2) through /proc/self/fd. */
export function reopen(fd: OwnedFd, flags: number): OwnedFd {
  return openPath(`/proc/self/fd/${fd.number}`, flags);
}

export function openPath(path: string, flags: number, mode = 0): OwnedFd {
  const result = rawSyscall(SYS.openat, AT.FDCWD, memory.putString(path, FIRST), flags | O.CLOEXEC, mode);
  if (result < 0) throw new SyscallFailed(`open(${JSON.stringify(path)}, 0${flags.toString(8)})`, -result);
  return new OwnedFd(result);
}

/** linkat(2) of paths; false where the new name is taken. @throws SyscallFailed */
export function link(from: string, to: string): boolean {
  const result = rawSyscall(SYS.linkat, AT.FDCWD, memory.putString(from, FIRST), AT.FDCWD, memory.putString(to, SECOND), 0);
  if (result === 0) return true;
  if (result === -17) return false;
  throw new SyscallFailed(`link(${JSON.stringify(from)}, ${JSON.stringify(to)})`, -result);
}

/** linkat(2) with AT_EMPTY_PATH: a new name for an open file; the result or a negated errno. */
export function linkDescriptor(fd: OwnedFd, to: string): number {
  return rawSyscall(SYS.linkat, fd.number, memory.putString('', FIRST), AT.FDCWD, memory.putString(to, SECOND), AT.EMPTY_PATH);
}

function pathCall(nr: number, name: string, path: string, ...rest: readonly number[]): void {
  const result = rawSyscall(nr, memory.putString(path, FIRST), ...rest);
  if (result < 0) throw new SyscallFailed(`${name}(${JSON.stringify(path)})`, -result);
}

export const unlink = (path: string): void => pathCall(SYS.unlink, 'unlink', path);
export const rmdir = (path: string): void => pathCall(SYS.rmdir, 'rmdir', path);
export const mkdir = (path: string, mode: number): void => pathCall(SYS.mkdir, 'mkdir', path, mode);
export const mknod = (path: string, mode: number, dev: number): void => pathCall(SYS.mknod, 'mknod', path, mode, dev);
/** chmod(2) */
export const chmod = (path: string, mode: number): void => pathCall(SYS.chmod, 'chmod', path, mode);
export const lchown = (path: string, uid: number, gid: number): void => pathCall(SYS.lchown, 'lchown', path, uid, gid);

export function symlink(target: string, path: string): void {
  const result = rawSyscall(SYS.symlink, memory.putString(target, SECOND), memory.putString(path, FIRST));
  if (result < 0) throw new SyscallFailed(`symlink(${JSON.stringify(path)})`, -result);
}

/** The directory part: `/a` of `/a/b`, `/` of `/a`. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Makes the missing directories above `path`; those that were made, the outermost first. */
export function makeParents(path: string): string[] {
  const missing: string[] = [];
  for (let dir = parentOf(path); dir !== '/' && statPath(dir) === undefined; dir = parentOf(dir)) missing.unshift(dir);
  for (const dir of missing) mkdir(dir, 0o777);
  return missing;
}

const isMissing = (errno: number): boolean => errno === 2 || errno === 20;

export const fileType = (mode: number): number => mode & S.IFMT;

/** `1:3` */
export const deviceText = (dev: bigint): string => `${major(dev)}:${minor(dev)}`;
