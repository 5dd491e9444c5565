// inotify(7); watches from fdinfo 'inotify wd:' (fs/notify/fdinfo.c inotify_fdinfo)
import { fd_types, type fh_entry, type inotify_file_entry, type inotify_wd_entry } from '@criu-ts/images';
import { F, IN, kernelMajor, kernelMinor, major, minor, O, SYS, TTY } from '@criu-ts/kernel/abi';
import { type InotifyWatch, readMountInfo } from '@criu-ts/kernel/procfs';
import { fcntl, ioctl, Memory, OwnedFd, scratch, sys } from '@criu-ts/kernel/sys';
import { HostLacks, Unsupported } from '../../errors.js';
import { handleEntry, openHandle, pathOf } from '../../files/file-handles.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { openPath } from '../../files/paths.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileDumpContext, FileKind, InspectedFile } from '../file-kind.js';

/** _IOW('I', 0, __s32): the number that the next watch gets. */
const INOTIFY_IOC_SETNEXTWD = 0x4004_4900;
/** What inotify_add_watch(2) takes of the mask that the kernel shows. */
const SETTABLE = IN.ALL_EVENTS | IN.EXCL_UNLINK | IN.ONESHOT;
const pending = new Memory(4);

export const inotify: FileKind<inotify_file_entry> = {
  name: 'inotify',
  type: fd_types.INOTIFY,
  recognises: ({ link }) => link === 'anon_inode:inotify',

  judge(file, at) {
    const { flags, fown, info } = file;
    warnOfEvents(file, at);
    return { id: at.id, flags, fown, wd: (info?.inotify ?? []).map((watch) => describeWatch(watch, at)) };
  },

  capture: (_, __, ify) => ({ ify }),

  preflight(entry) {
    for (const { sDev, fHandle, fileId } of part(entry, 'ify').wd) if (fileId === undefined) openWatched(sDev, fHandle)[Symbol.dispose]();
  },

  reopen(entry, at) {
    const { flags, fown, wd: watches } = part(entry, 'ify');
    const fd = new OwnedFd(sys(SYS.inotify_init1, IN.CLOEXEC));
    setFlags(fd, flags);
    setSignal(fd, fown);
    const later = duplicate(fd);
    for (const { fileId } of watches) if (fileId !== undefined) at.held(fileId);
    at.defer(() => later[Symbol.dispose]());
    // Names that come and go while files are opened must not be told of.
    at.whenSettled(() => {
      using own = later;
      for (const watch of watches) {
        using watched = watch.fileId === undefined ? openWatched(watch.sDev, watch.fHandle) : duplicate(at.held(watch.fileId));
        addWatch(own, watch, watched);
      }
    });
    return fd;
  },

  fown: ({ ify }) => ify?.fown,
};

function warnOfEvents(file: InspectedFile, at: FileDumpContext): void {
  using fd = file.open();
  ioctl(fd, TTY.IOCINQ, pending.address);
  if (pending.view.getInt32(0, true) > 0) at.emit({ type: 'warning', task: file.task, text: `fd ${file.fd}: inotify events that were not read yet are dropped` });
}

function describeWatch({ wd, inode, dev, mask, ignoredMask, handle }: InotifyWatch, at: FileDumpContext): inotify_wd_entry {
  if (handle === undefined) {
    throw new Unsupported('file', `what its watch ${wd} watches (inode ${inode}) can't be found`, { why: 'the file system gives no file handles', hint: 'remove the watch before the dump' });
  }
  const fHandle: fh_entry = handleEntry(handle);
  const mounts = at.shared('mounts', () => readMountInfo('self'));
  using watched = openHandle(dev, fHandle, mounts);
  const path = watched === undefined ? undefined : pathOf(watched, inode);
  // A removed file lives as long as somebody has it open: the ghost of that one is watched then.
  const open = path === undefined ? at.allFiles().find(({ file }) => file.stat.ino === inode && file.stat.nlink === 0 && sameDevice(file.stat.dev, dev)) : undefined;
  if (open !== undefined) return { id: 0, iIno: inode, mask, ignoredMask, sDev: dev, wd, fHandle, fileId: open.id };
  if (path === undefined) {
    throw new Unsupported('file', `what its watch ${wd} watches (inode ${inode}) has no name any more`, { why: 'it was removed, or lies behind another mount', hint: 'remove the watch before the dump' });
  }
  return { id: 0, iIno: inode, mask, ignoredMask, sDev: dev, wd, fHandle: { ...fHandle, path } };
}

const sameDevice = (dev: bigint, kernels: number): boolean => major(dev) === kernelMajor(kernels) && minor(dev) === kernelMinor(kernels);

function addWatch(fd: OwnedFd, { wd, mask, fHandle }: inotify_wd_entry, watched: OwnedFd): void {
  ioctl(fd, INOTIFY_IOC_SETNEXTWD, wd);
  const got = sys(SYS.inotify_add_watch, fd.number, scratch.putString(`/proc/self/fd/${watched.number}`), (mask & SETTABLE) >>> 0);
  if (got !== wd) throw new HostLacks('inotify-watch', `watch ${wd} of ${fHandle.path ?? 'a file'} became ${got}`, { why: 'the same file is watched twice' });
}

function openWatched(dev: number, handle: fh_entry): OwnedFd {
  if (handle.path !== undefined) return openPath(handle.path, O.PATH | O.NOFOLLOW);
  const found = openHandle(dev, handle);
  if (found === undefined) throw new HostLacks('file-missing', 'a file that inotify watched does not exist', { hint: 'put the file back as it was at the dump' });
  return found;
}

const duplicate = (fd: OwnedFd): OwnedFd => new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));
