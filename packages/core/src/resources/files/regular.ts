// Files that are opened by their path: regular ones, directories, symlinks (O_PATH), and the memory devices.
import { fd_types } from '@criu-ts/images';
import { major, minor, O, S, SEEK, SYS } from '@criu-ts/kernel/abi';
import { sys } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { FileKind } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { captureName, judgeName, type NamedFile, openNamed, preflightNamed } from '../../files/named-file.js';
import { refuseOwnParts } from '../../files/own-proc.js';
import { deviceText, fileType } from '../../files/paths.js';
import { captureRegular } from '../../files/regular-entry.js';
import { setFlags } from '../../files/status-flags.js';

/** Devices without state of their own (drivers/char/mem.c; major 1), by minor. */
const MEMORY_DEVICES: Readonly<Record<number, string>> = { 3: 'null', 5: 'zero', 7: 'full', 8: 'random', 9: 'urandom', 11: 'kmsg' };
export const MEM_MAJOR = 1;

export const regular: FileKind<NamedFile> = {
  name: 'file',
  type: fd_types.REG,
  recognises: ({ link, stat }) => link.startsWith('/') && BY_PATH.has(fileType(stat.mode)),

  judge(file, at) {
    const { stat } = file;
    if (fileType(stat.mode) === S.IFCHR && (major(stat.rdev) !== MEM_MAJOR || MEMORY_DEVICES[minor(stat.rdev)] === undefined) && (file.flags & O.PATH) === 0) {
      throw new Unsupported('file', `the device ${file.link} (${deviceText(stat.rdev)}) is not supported`, {
        why: 'what the driver keeps for an open device can not be read back',
        hint: 'close it before the dump',
      });
    }
    if (at.holders.length === 0) refuseOwnParts(file.link, (pid) => at.hasProcess(pid));
    return judgeName(file, at);
  },

  capture(file, at, named) {
    captureName(file, named, at.id, at);
    return { reg: captureRegular(file, named, at.id) };
  },

  preflight(entry, at) {
    const reg = part(entry, 'reg');
    using inherited = reg.ext === true ? undefined : at.inherited(reg.name);
    if (inherited === undefined) preflightNamed(reg, at);
  },

  reopen(entry, at) {
    const reg = part(entry, 'reg');
    const inherited = reg.ext === true ? undefined : at.inherited(reg.name);
    // Whoever hands it over has it as it should be: position and flags are its own.
    if (inherited !== undefined) return inherited;
    const fd = openNamed(reg, at, { flags: reg.flags });
    if ((reg.flags & O.PATH) !== 0) return fd;
    // -1: it has no position (/dev/kmsg open for writing).
    if (BigInt.asIntN(64, reg.pos) !== -1n) sys(SYS.lseek, fd.number, reg.pos, SEEK.SET);
    setFlags(fd, reg.flags);
    setSignal(fd, reg.fown);
    return fd;
  },

  openForMapping: (entry, flags, at) => openNamed(part(entry, 'reg'), at, { flags }),
  fown: (entry) => entry.reg?.fown,
};

const BY_PATH = new Set<number>([S.IFREG, S.IFDIR, S.IFLNK, S.IFCHR, S.IFBLK]);
