// fanotify(7); marks from fdinfo 'fanotify' (fs/notify/fdinfo.c fanotify_fdinfo)
import { fd_types, type fanotify_file_entry, type fanotify_mark_entry, mark_type } from '@criu-ts/images';
import { AT, F, O, SYS, TTY } from '@criu-ts/kernel/abi';
import { type FanotifyMark, readMountInfo } from '@criu-ts/kernel/procfs';
import { fcntl, ioctl, Memory, OwnedFd, scratch, sys } from '@criu-ts/kernel/sys';
import { HostLacks, ImageCorrupt, Unsupported } from '../../errors.js';
import { handleEntry, openHandle, pathOf } from '../../files/file-handles.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { openPath } from '../../files/paths.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileDumpContext, FileKind, InspectedFile } from '../file-kind.js';

/** linux/fanotify.h */
const FAN = { MARK_ADD: 1, MARK_MOUNT: 0x10, MARK_IGNORED_MASK: 0x20 } as const;
const pending = new Memory(4);

export const fanotify: FileKind<fanotify_file_entry> = {
  name: 'fanotify',
  type: fd_types.FANOTIFY,
  recognises: ({ link }) => link === 'anon_inode:[fanotify]',

  judge(file, at) {
    const { flags, fown, info } = file;
    warnOfEvents(file, at);
    const { flags: faflags = 0, eventFlags: evflags = 0, marks = [] } = info?.fanotify ?? {};
    return { id: at.id, flags, fown, faflags, evflags, mark: marks.map((mark) => describeMark(mark, at)) };
  },

  capture: (_, __, ffy) => ({ ffy }),

  reopen(entry, at) {
    const { flags, fown, faflags, evflags, mark: marks } = part(entry, 'ffy');
    // FAN_CLOEXEC is one of the flags that fdinfo shows.
    const fd = new OwnedFd(sys(SYS.fanotify_init, faflags, evflags));
    fcntl(fd, F.SETFD, 1);
    setFlags(fd, flags);
    setSignal(fd, fown);
    const later = new OwnedFd(fcntl(fd, F.DUPFD_CLOEXEC));
    at.defer(() => later[Symbol.dispose]());
    // What is done while files are restored must not be told of.
    at.whenSettled(() => {
      using own = later;
      for (const mark of marks) addMark(own, mark);
    });
    return fd;
  },

  fown: ({ ffy }) => ffy?.fown,
};

function warnOfEvents(file: InspectedFile, at: FileDumpContext): void {
  using fd = file.open();
  ioctl(fd, TTY.IOCINQ, pending.address);
  if (pending.view.getInt32(0, true) > 0) at.emit({ type: 'warning', task: file.task, text: `fd ${file.fd}: fanotify events that were not read yet are dropped` });
}

function describeMark(mark: FanotifyMark, at: FileDumpContext): fanotify_mark_entry {
  const { markFlags: mflags, mask, ignoredMask } = mark;
  const mounts = at.shared('mounts', () => readMountInfo('self'));
  const common = { id: at.id, mflags, mask, ignoredMask, sDev: 0 };
  switch (mark.on) {
    case 'inode': {
      const fHandle = mark.handle === undefined ? undefined : handleEntry(mark.handle);
      using watched = fHandle === undefined ? undefined : openHandle(mark.dev, fHandle, mounts);
      const path = watched === undefined ? undefined : pathOf(watched, mark.inode);
      if (fHandle === undefined || path === undefined) {
        throw new Unsupported('file', `what one of its marks is on (inode ${mark.inode}) can't be found`, { why: 'it was removed, or its file system gives no file handles', hint: 'remove the mark before the dump' });
      }
      return { ...common, type: mark_type.INODE, sDev: mark.dev, ie: { iIno: mark.inode, fHandle: { ...fHandle, path } } };
    }
    case 'mount': {
      const path = mounts.find(({ id }) => id === mark.mountId)?.mountPoint;
      if (path === undefined) throw new Unsupported('file', `the mount ${mark.mountId}, which one of its marks is on, can't be found`, { hint: 'remove the mark before the dump' });
      return { ...common, type: mark_type.MOUNT, me: { mntId: mark.mountId, path } };
    }
    case 'filesystem':
      throw new Unsupported('file', 'a mark of a whole file system (FAN_MARK_FILESYSTEM) is not supported', { why: 'the images have no place for it', hint: 'remove the mark before the dump' });
  }
}

function addMark(fd: OwnedFd, entry: fanotify_mark_entry): void {
  using marked = openMarked(entry);
  const what = FAN.MARK_ADD | entry.mflags | (entry.type === mark_type.MOUNT ? FAN.MARK_MOUNT : 0);
  const path = scratch.putString(`/proc/self/fd/${marked.number}`);
  if (entry.mask !== 0) sys(SYS.fanotify_mark, fd.number, what, entry.mask, AT.FDCWD, path);
  if (entry.ignoredMask !== 0) sys(SYS.fanotify_mark, fd.number, what | FAN.MARK_IGNORED_MASK, entry.ignoredMask, AT.FDCWD, path);
}

function openMarked({ type, ie, me, sDev }: fanotify_mark_entry): OwnedFd {
  const path = type === mark_type.MOUNT ? me?.path : ie?.fHandle.path;
  if (path !== undefined) return openPath(path, O.PATH | O.NOFOLLOW);
  if (ie === undefined) throw new ImageCorrupt('a fanotify mark of nothing', { object: 'files.img' });
  const found = openHandle(sDev, ie.fHandle);
  if (found === undefined) throw new HostLacks('file-missing', 'a file that fanotify had marked does not exist', { hint: 'put the file back as it was at the dump' });
  return found;
}
