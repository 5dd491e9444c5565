// A file reached by a name: finds out at the dump whether its name still leads to it, and opens it at the restore.
import { IMAGE_TYPES, type reg_file_entry, remap_type } from '@criu-ts/images';
import { FS_MAGIC, FS_MAGIC_INTERNAL, O, S } from '@criu-ts/kernel/abi';
import { splitDeleted } from '@criu-ts/kernel/procfs';
import { type OwnedFd, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, Unsupported } from '../errors.js';
import type { DumpContext } from '../resources/contexts.js';
import type { FileDumpContext, FileRestoreContext, InspectedFile } from '../resources/file-kind.js';
import { checkBuildId } from './build-id.js';
import { captureGhost, judgeGhost, materializeGhost } from './ghost.js';
import { deadProcess } from './dead-process.js';
import { captureLinkRemap } from './link-remap.js';
import { fileType, fsTypeOf, link, makeParents, openPath, rmdir, statOf, statPath, unlink } from './paths.js';

/** Where a file lies: the name for the images, and what must be done so that the name leads to it again. */
export interface NamedFile {
  readonly path: string;
  readonly remap: 'none' | 'ghost' | 'link' | 'dead-process';
  /** It was named as external: the images have `file[MOUNT:INODE]` instead of a path. */
  readonly external?: true;
}

/** @throws Unsupported where the file can't be found again by a name */
export function judgeName(file: InspectedFile, at: DumpContext): NamedFile {
  const { link: shown, stat } = file;
  const name = `file[${file.mntId.toString(16)}:${stat.ino.toString(16)}]`;
  if (at.options.external?.includes(name) === true) return { path: name, remap: 'none', external: true };
  if (!shown.startsWith('/')) throw new Unsupported('file', `a file without a path (${shown}) is not supported`);
  const { path, maybeDeleted } = splitDeleted(shown);
  using fd = file.open();
  const fsType = fsTypeOf(fd);
  if (fsType === FS_MAGIC_INTERNAL.MQUEUE_MAGIC) throw new Unsupported('file', 'POSIX message queues are not supported yet', { why: 'its messages and attributes are no contents of a file', hint: 'close the queue (mq_close) before the dump' });
  if (fsType === FS_MAGIC.PROC_SUPER_MAGIC) return judgeProcFile(shown, path, maybeDeleted, at);
  if (stat.nlink === 0) {
    judgeGhost(file, at.options.ghostLimit);
    return { path, remap: 'ghost' };
  }
  // " (deleted)" may be a part of the name: then the whole text leads to the file.
  const found = statPath(shown, fileType(stat.mode) !== S.IFLNK);
  if (found !== undefined && found.dev === stat.dev && found.ino === stat.ino) return { path: shown, remap: 'none' };
  if (found !== undefined && at.options.evasiveDevices === true && isDevice(stat.mode) && found.rdev === stat.rdev) return { path: shown, remap: 'none' };
  if (!maybeDeleted) {
    throw new Unsupported('file', `another file lies at ${shown}`, {
      why: 'its name is hidden by a mount, or leads elsewhere in our mount namespace',
      hint: 'unmount what covers the file, or close it',
    });
  }
  if (at.options.linkRemap !== true) {
    throw new Unsupported('file', `${path} was removed, but the file has other names`, {
      why: 'the kernel does not tell these names, and to the images such a file belongs to the file system',
      hint: 'allow a temporary name next to it with --link-remap',
    });
  }
  return { path, remap: 'link' };
}

/** /proc/PID/… of a process that is no more: somebody must have that pid while it is opened. */
function judgeProcFile(shown: string, path: string, maybeDeleted: boolean, at: DumpContext): NamedFile {
  const pid = processOf(path);
  if (pid === undefined || !(maybeDeleted || statPath(`/proc/${pid}`) === undefined)) return { path: shown, remap: 'none' };
  // Further down lies what this one process had: descriptors, mappings, threads.
  if (at.hasProcess(pid) || !/^\/proc\/\d+(\/\w+)?$/.test(path)) {
    throw new Unsupported('file', `${path} belongs to a process that has ended`, { why: 'a file of /proc can only be opened while its process lives', hint: 'close the file' });
  }
  return { path, remap: 'dead-process' };
}

function processOf(path: string): number | undefined {
  const pid = /^\/proc\/(\d+)(?:\/|$)/.exec(path)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Adds what a restore needs to make the name lead to the file again. */
export function captureName(file: InspectedFile, named: NamedFile, id: number, at: FileDumpContext): void {
  if (named.remap === 'ghost') captureGhost(file, id, at);
  else if (named.remap === 'link') captureLinkRemap(file, named.path, id, at);
  else if (named.remap === 'dead-process') at.append(IMAGE_TYPES.remapFpath, { origId: id, remapId: processOf(named.path) ?? 0, remapType: remap_type.PROCFS });
}

/** Flags that mean something only at the moment of opening; images of others could hold them. */
const MOMENTARY = O.CREAT | O.EXCL | O.TRUNC | O.NOCTTY;
/** O_TMPFILE without the O_DIRECTORY that is part of it. */
const TMPFILE = O.TMPFILE & ~O.DIRECTORY;
/**
 * O_ASYNC. Given to open(2) it shows in the flags but arms nothing, and F_SETFL sees no change afterwards. Regular files
 * can't be armed at all: there it shows after open(2), and where a lease is held.
 */
const ASYNC = 0o20000;

export interface OpenOptions {
  readonly flags: number;
  /** Instead of plain open(2). */
  readonly open?: (path: string, flags: number) => OwnedFd;
}

/**
 * Opens the file by its name, a removed one by a name that stands only for that moment, and checks that it is the
 * file that was dumped.
 */
export function openNamed(entry: reg_file_entry, at: FileRestoreContext, options: OpenOptions): OwnedFd {
  const isFile = entry.mode !== undefined && fileType(entry.mode) === S.IFREG;
  const flags = openFlags(options.flags) | (isFile ? options.flags & ASYNC : 0);
  const open = options.open ?? openPath;
  if (entry.ext === true) {
    using given = at.inherited(entry.name);
    if (given === undefined) throw notHandedOver(entry.name);
    return openChecked(entry, `/proc/self/fd/${given.number}`, flags, open);
  }
  const remap = at.remapOf(entry.id);
  const checkedOpen = (path: string): OwnedFd => openChecked(entry, path, flags, open);
  if (remap?.kind === 'dead-process') deadProcess(`pid ${remap.pid}`, at, remap.pid);
  if (remap === undefined || remap.kind === 'dead-process') return checkedOpen(entry.name);
  if (remap.kind === 'linked') return throughLink(at.regular(remap.file).name, entry.name, checkedOpen);
  const ghost = materializeGhost(remap.ghost, entry.name, at);
  // A directory can't have two names: it is opened under its own, and removed when all is installed.
  return ghost.directory ? checkedOpen(ghost.path) : throughLink(ghost.path, entry.name, checkedOpen);
}

export function openFlags(flags: number): number {
  const lasting = flags & ~MOMENTARY & ~ASYNC;
  return (lasting & TMPFILE) === 0 ? lasting : lasting & ~O.TMPFILE;
}

/** Opened under its old name, which is gone again afterwards, so that /proc shows what it showed: `/path (deleted)`. */
function throughLink(from: string, to: string, open: (path: string) => OwnedFd): OwnedFd {
  const made = makeParents(to);
  try {
    // Somebody else's file may have the name by now.
    const name = link(from, to) ? to : `${to}.cr_link`;
    if (name !== to && !link(from, name)) throw new HostLacks('name-taken', `both ${to} and ${name} are taken`, { hint: `remove ${name}` });
    try {
      return open(name);
    } finally {
      unlink(name);
    }
  } finally {
    for (const dir of made.reverse()) rmdir(dir);
  }
}

/** Whether {@link openNamed} would find what it needs; opens the file for reading at most, and makes no name. @throws as it */
export function preflightNamed(entry: reg_file_entry, at: FileRestoreContext): void {
  if (entry.ext === true) {
    using given = at.inherited(entry.name);
    if (given === undefined) throw notHandedOver(entry.name);
    return;
  }
  const remap = at.remapOf(entry.id);
  // A ghost brings all of itself; so does a process that had ended.
  if (remap?.kind === 'ghost' || remap?.kind === 'dead-process') return;
  const path = remap?.kind === 'linked' ? at.regular(remap.file).name : entry.name;
  judgeFound(entry, path);
  const isLink = entry.mode !== undefined && fileType(entry.mode) === S.IFLNK;
  using fd = openPath(path, entry.buildId.length > 0 ? O.RDONLY : O.PATH | (isLink ? O.NOFOLLOW : 0));
  check(entry, path, fd);
}

function notHandedOver(name: string): HostLacks {
  return new HostLacks('external-file', `${name} was left to the outside`, { hint: `hand it over with --inherit-fd fd[N]:${name}` });
}

function openChecked(entry: reg_file_entry, path: string, flags: number, open: (path: string, flags: number) => OwnedFd): OwnedFd {
  judgeFound(entry, path);
  const fd = open(path, flags);
  try {
    check(entry, path, fd);
    return fd;
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
  }
}

/** What can be said before the file is opened. @throws HostLacks */
function judgeFound(entry: reg_file_entry, path: string): void {
  const isLink = entry.mode !== undefined && fileType(entry.mode) === S.IFLNK;
  const before = statPath(path, !isLink);
  if (before === undefined) throw new HostLacks('file-missing', `${path} does not exist`, { hint: 'put the file back as it was at the dump' });
  // Opening another type could have effects: a FIFO blocks, a device may act.
  if (entry.mode !== undefined && fileType(before.mode) !== fileType(entry.mode)) {
    throw new HostLacks('file-changed', `${path} is ${typeName(before.mode)} now, at the dump it was ${typeName(entry.mode)}`, { hint: 'put the file back as it was at the dump' });
  }
}

function check(entry: reg_file_entry, path: string, fd: OwnedFd): void {
  const stat = statOf(fd);
  if (entry.size !== undefined && stat.size !== entry.size) {
    throw new HostLacks('file-changed', `${path} has ${stat.size} bytes, at the dump it had ${entry.size}`, {
      why: 'the process may rely on what it has read',
      hint: 'put the file back as it was at the dump',
    });
  }
  if (entry.mode !== undefined && stat.mode !== entry.mode) {
    throw new HostLacks('file-changed', `${path} has mode 0${stat.mode.toString(8)}, at the dump it had 0${entry.mode.toString(8)}`, { hint: `chmod 0${(entry.mode & 0o7777).toString(8)} it` });
  }
  if (entry.buildId.length > 0) checkBuildId(entry.buildId, path, fd);
}

const isDevice = (mode: number): boolean => fileType(mode) === S.IFCHR || fileType(mode) === S.IFBLK;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [S.IFREG]: 'a regular file',
  [S.IFDIR]: 'a directory',
  [S.IFLNK]: 'a symbolic link',
  [S.IFIFO]: 'a FIFO',
  [S.IFSOCK]: 'a socket',
  [S.IFCHR]: 'a character device',
  [S.IFBLK]: 'a block device',
};

export function typeName(mode: number): string {
  return TYPE_NAMES[fileType(mode)] ?? `of type 0${fileType(mode).toString(8)}`;
}

/** Whether a call failed with this errno. */
export function failedWith(error: unknown, errno: number): boolean {
  return error instanceof SyscallFailed && error.errno === errno;
}
