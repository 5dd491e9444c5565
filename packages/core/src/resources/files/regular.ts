// Files that are opened by their path: regular ones, directories, symlinks (O_PATH), and the memory devices.
import { fd_types, type file_entry, type reg_file_entry } from '@criu-ts/images';
import { FS_MAGIC, major, minor, O, S, SEEK, SYS } from '@criu-ts/kernel/abi';
import { type OwnedFd, sys } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { FileKind, FileRestoreContext, InspectedFile } from '../file-kind.js';
import { buildIdOf } from './build-id.js';
import { setSignal } from './fown.js';
import { part } from './message-part.js';
import { captureName, judgeName, type NamedFile, openNamed } from './named-file.js';
import { deviceText, fileType, fsTypeOf } from './paths.js';
import { setFlags } from './status-flags.js';

/** Devices without state of their own (drivers/char/mem.c; major 1), by minor. */
const MEMORY_DEVICES: Readonly<Record<number, string>> = { 3: 'null', 5: 'zero', 7: 'full', 8: 'random', 9: 'urandom', 11: 'kmsg' };
const MEM_MAJOR = 1;

export const regular: FileKind<NamedFile> = {
  name: 'file',
  type: fd_types.REG,
  recognises: ({ link, stat }) => link.startsWith('/') && BY_PATH.has(fileType(stat.mode)),

  judge(file, at) {
    const { stat } = file;
    if (fileType(stat.mode) === S.IFCHR && (major(stat.rdev) !== MEM_MAJOR || MEMORY_DEVICES[minor(stat.rdev)] === undefined) && (file.flags & O.PATH) === 0) {
      throw new Unsupported('file', `the device ${file.link} (${deviceText(stat.rdev)}) is not supported`, {
        why: 'what the driver keeps for an open device can not be read back',
        hint: `close it before the dump, or name it with --external dev[${deviceText(stat.rdev).replace(':', '/')}]:NAME`,
      });
    }
    return judgeName(file, at);
  },

  capture(file, at, named) {
    captureName(file, named, at.id, at);
    return { reg: captureRegular(file, named, at.id) };
  },

  reopen(entry, at) {
    const reg = part(entry, 'reg');
    const fd = openNamed(reg, at, { flags: reg.flags });
    if ((reg.flags & O.PATH) !== 0) return fd;
    // -1: it has no position (/dev/kmsg open for writing).
    if (BigInt.asIntN(64, reg.pos) !== -1n) sys(SYS.lseek, fd.number, reg.pos, SEEK.SET);
    setFlags(fd, reg.flags);
    setSignal(fd, reg.fown);
    return fd;
  },

  fown: (entry) => entry.reg?.fown,
};

const BY_PATH = new Set<number>([S.IFREG, S.IFDIR, S.IFLNK, S.IFCHR, S.IFBLK]);

export function captureRegular(file: InspectedFile, { path }: NamedFile, id: number): reg_file_entry {
  const { stat, flags } = file;
  const isFile = fileType(stat.mode) === S.IFREG;
  // What others append to, such as a log, may have grown by the time of the restore.
  const sizeMatters = isFile && !((flags & O.ACCMODE) === O.WRONLY && (flags & O.APPEND) !== 0);
  let buildId: number[] = [];
  if (sizeMatters && stat.size > 64n) {
    using fd = file.open();
    // Reading a file of /proc may do anything, or block.
    if (fsTypeOf(fd) !== FS_MAGIC.PROC_SUPER_MAGIC) buildId = buildIdOf(fd);
  }
  return { id, flags, pos: position(file), fown: file.fown, name: path, ...(sizeMatters && { size: stat.size }), mode: stat.mode, buildId };
}

/** /dev/kmsg that is only written to can't be positioned: the kernel says EINVAL. */
function position({ stat, flags, pos }: InspectedFile): bigint {
  const kmsg = fileType(stat.mode) === S.IFCHR && major(stat.rdev) === MEM_MAJOR && minor(stat.rdev) === 11;
  return BigInt.asUintN(64, kmsg && (flags & O.ACCMODE) === O.WRONLY && pos === 0n ? -1n : pos);
}

/** For mappings, exe, cwd and root: a fresh open file without a position. */
export function openWithFlags(entry: file_entry, flags: number, at: FileRestoreContext): OwnedFd {
  return openNamed(part(entry, 'reg'), at, { flags });
}
