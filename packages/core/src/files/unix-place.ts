// Where a unix socket's name lies in the file system: found out at the dump, bound to again at the restore.
import type { unix_sk_entry } from '@criu-ts/images';
import { AF, major, minor, O, S, SYS } from '@criu-ts/kernel/abi';
import type { UnixSocket } from '@criu-ts/kernel/netlink';
import { listDirectory, splitDeleted } from '@criu-ts/kernel/procfs';
import { Memory, type OwnedFd, pathString, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, Unsupported } from '../errors.js';
import { Scope } from '../scope.js';
import { chmod, type FileStat, fileType, lchown, link, makeParents, openPath, parentOf, rmdir, statOf, statPath, unlink } from './paths.js';
import { socket } from './socket-calls.js';
import { bindName, fileOf, isPath, nameText, withoutNul } from './unix-calls.js';

const memory = new Memory(2 * 4224);

/** The part of the entry that tells where the socket is bound. */
export type Place = Pick<unix_sk_entry, 'name' | 'nameDir' | 'deleted' | 'filePerms' | 'renamedTo'> & Partial<Pick<unix_sk_entry, 'otherNames'>>;

/**
 * @param fileMatters others can reach the socket by its file: not so for connected ones
 * @throws Unsupported where the name leads elsewhere: the file was renamed, or is hidden
 */
export function judgePlace(fd: OwnedFd, { name = new Uint8Array(0) }: UnixSocket, fileMatters: boolean): Place {
  if (!isPath(name)) return { name };
  using file = fileOf(fd);
  if (file === undefined) throw new Unsupported('file', `the unix socket ${nameText(name)} has lost its file`);
  const stat = statOf(file);
  const { path } = splitDeleted(linkOf(file));
  const text = pathString(withoutNul(name));
  const nameDir = text.startsWith('/') ? undefined : directoryOf(text, path, stat);
  const bound = boundPath({ name, ...(nameDir !== undefined && { nameDir }) });
  const leads = isSame(statPath(bound, false), stat) || isSame(statPath(bound), stat);
  // Such as a JVM's: bound under a temporary name, and renamed, or linked and unlinked, when others may find it.
  const renamed = !leads && fileMatters && stat.nlink > 0;
  const names = renamed || (fileMatters && stat.nlink > 1) ? namesIn(parentOf(path), stat) : [];
  const renamedTo = renamed ? names[0] : undefined;
  const otherNames = names.filter((other) => other !== (renamedTo ?? path));
  if (renamed && renamedTo === undefined) {
    throw new Unsupported('file', `the unix socket ${text} can not be reached by that name any more`, {
      why: 'its file has another name now, or is seen from another root',
      hint: 'bind the socket to the name under which it shall be found',
    });
  }
  if (names.length > 0 && names.length < stat.nlink) {
    throw new Unsupported('file', `the file of the unix socket ${text} has names in other directories`, {
      why: 'nobody tells where they are, and they would lead to nobody after the restore',
      hint: `remove them; those that are known are ${names.join(', ')}`,
    });
  }
  return {
    name,
    filePerms: { mode: stat.mode, uid: stat.uid, gid: stat.gid },
    ...(nameDir !== undefined && { nameDir }),
    ...(!leads && { deleted: true }),
    ...(renamedTo !== undefined && { renamedTo }),
    ...(otherNames.length > 0 && { otherNames }),
  };
}

/** The path of its name, which may be relative. */
function boundPath({ name, nameDir }: Pick<Place, 'name' | 'nameDir'>): string {
  const text = pathString(withoutNul(name));
  return nameDir === undefined ? text : `${nameDir}/${text}`;
}

/** Under which names a file is in a directory. */
function namesIn(directory: string, file: FileStat): string[] {
  if (statPath(directory) === undefined) return [];
  const paths = listDirectory(directory).map((name) => `${directory === '/' ? '' : directory}/${pathString(Buffer.from(name, 'latin1'))}`);
  return paths.filter((path) => isSame(statPath(path, false), file));
}

const isSame = (found: FileStat | undefined, { dev, ino }: FileStat): boolean => found !== undefined && found.dev === dev && found.ino === ino;

/** From where a relative name was bound: nobody tells, but one of the directories above its file it must be. */
function directoryOf(text: string, path: string, stat: FileStat): string {
  if (path.endsWith(`/${text}`)) return path.slice(0, -text.length - 1) || '/';
  for (let dir = parentOf(path); ; dir = parentOf(dir)) {
    if (isSame(statPath(`${dir}/${text}`), stat)) return dir;
    if (dir === '/') throw new Unsupported('file', `the unix socket ${path} is bound to the relative name ${text}`, { why: 'the directory that it was relative to can not be found', hint: 'bind it to an absolute path' });
  }
}

function linkOf(fd: OwnedFd): string {
  const at = memory.putString(`/proc/self/fd/${fd.number}`, 4224);
  return pathString(memory.bytes.slice(0, sys(SYS.readlink, at, memory.address, 4096)));
}

/** Gives a socket of ours its name, and the file its owner and mode. A removed file is there only for that moment. */
export function bindPlace(fd: OwnedFd, place: Place, isLive: (file: FileStat) => boolean): void {
  const { name } = place;
  if (!isPath(name)) {
    if (name.length > 0) bindAbstract(fd, name);
    return;
  }
  const path = boundPath(place);
  if (place.deleted === true) bindRemoved(fd, place, path, isLive);
  else bindKept(fd, place, path, isLive);
  for (const other of place.otherNames ?? []) {
    clear(other, isLive);
    if (!link(place.renamedTo ?? path, other)) throw new HostLacks('name-taken', `${other}, a name of a unix socket, was taken just now`, { hint: 'try again' });
  }
}

/** Whether {@link bindPlace} would be given the name; an abstract one is taken for a moment. @throws HostLacks */
export function preflightPlace(place: Place, type: number, isLive: (file: FileStat) => boolean): void {
  const { name, deleted, renamedTo, otherNames = [] } = place;
  if (!isPath(name)) {
    if (name.length === 0) return;
    using probe = socket(AF.UNIX, type, 0);
    bindAbstract(probe, name);
    return;
  }
  const kept = deleted === true ? renamedTo : boundPath(place);
  for (const path of kept === undefined ? otherNames : [kept, ...otherNames]) judgeTaken(path, isLive);
}

function bindAbstract(fd: OwnedFd, name: Uint8Array): void {
  try {
    bindName(fd, name);
  } catch (error) {
    if (!(error instanceof SyscallFailed) || error.errnoName !== 'EADDRINUSE') throw error;
    throw new HostLacks('name-taken', `another process has the unix socket ${nameText(name)}`, { hint: 'end that process', cause: error });
  }
}

function bindKept(fd: OwnedFd, place: Place, path: string, isLive: (file: FileStat) => boolean): void {
  clear(path, isLive);
  bindAt(fd, place);
  own(path, place);
}

/** Takes the file away that the process has left behind. */
function clear(path: string, isLive: (file: FileStat) => boolean): void {
  if (judgeTaken(path, isLive)) unlink(path);
}

/** Whether a file is there that may be taken away. @throws HostLacks where it may not */
function judgeTaken(path: string, isLive: (file: FileStat) => boolean): boolean {
  const found = statPath(path, false);
  if (found === undefined) return false;
  if (fileType(found.mode) !== S.IFSOCK) throw new HostLacks('name-taken', `${path}, the name of a unix socket, is taken by another file`, { hint: 'move it away' });
  if (isLive(found)) throw new HostLacks('name-taken', `another process has the unix socket ${path}`, { hint: 'end that process' });
  return true;
}

/** Bound, and its file unlinked or renamed at once. */
function bindRemoved(fd: OwnedFd, place: Place, path: string, isLive: (file: FileStat) => boolean): void {
  const { renamedTo } = place;
  if (renamedTo !== undefined) clear(renamedTo, isLive);
  using scope = new Scope();
  for (const dir of makeParents(path)) scope.defer(() => rmdir(dir));
  if (statPath(path, false) !== undefined) {
    // Somebody else's by now: it steps aside.
    const aside = `${path}.cr.aside`;
    rename(path, aside);
    scope.defer(() => rename(aside, path));
  }
  bindAt(fd, place);
  scope.defer(() => (renamedTo === undefined ? unlink(path) : rename(path, renamedTo)));
  own(path, place);
}

function own(path: string, { filePerms }: Place): void {
  if (filePerms === undefined) return;
  lchown(path, filePerms.uid, filePerms.gid);
  chmod(path, filePerms.mode & 0o7777);
}

/** The name stays as it was, relative or not. */
function bindAt(fd: OwnedFd, { name, nameDir }: Place): void {
  if (nameDir === undefined) return bindName(fd, name);
  using before = openPath('.', O.PATH | O.DIRECTORY);
  sys(SYS.chdir, memory.putString(nameDir));
  try {
    bindName(fd, name);
  } finally {
    sys(SYS.fchdir, before.number);
  }
}

function rename(from: string, to: string): void {
  const result = rawSyscall(SYS.rename, memory.putString(from), memory.putString(to, 4224));
  if (result < 0) throw new SyscallFailed(`rename(${JSON.stringify(from)})`, -result);
}

/** Whether a socket of sock_diag's list lies there. */
export function boundTo(file: FileStat, { file: bound }: UnixSocket): boolean {
  // udiag_vfs_dev: the kernel's own encoding, 20 minor bits; its inode is cut to 32 bits.
  return bound !== undefined && bound.inode === Number(BigInt.asUintN(32, file.ino)) && bound.device >>> 0 === ((major(file.dev) << 20) | minor(file.dev)) >>> 0;
}
