// epoll(7); what it watches from fdinfo 'tfd:' (fs/eventpoll.c ep_show_fdinfo)
import { type eventpoll_file_entry, type eventpoll_tfd_entry, fd_types } from '@criu-ts/images';
import { EPOLL_CTL, epoll_event, F, KCMP, kcmp_epoll_slot, kernelMakedev, major, minor, SYS } from '@criu-ts/kernel/abi';
import type { EpollTarget } from '@criu-ts/kernel/procfs';
import { kcmp, Memory, OwnedFd, sys } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { FileConnectContext, FileDumpContext, FileKind, Holder, InspectedFile } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { refuseOwnParts } from '../../files/own-proc.js';
import { setFlags } from '../../files/status-flags.js';

const slotMemory = new Memory(16);

export const epoll: FileKind<eventpoll_file_entry> = {
  name: 'epoll',
  type: fd_types.EVENTPOLL,
  recognises: ({ link }) => link === 'anon_inode:[eventpoll]',

  judge({ info, flags, fown }, at) {
    const targets = info?.epoll ?? [];
    // A child inherits the epoll, not always its targets: the numbers are those of the process that added them.
    let missing: EpollTarget | undefined;
    for (const holder of at.holders) {
      const found = findTargets(targets, holder, at);
      if ('entries' in found) return { id: at.id, flags, fown, tfd: found.entries };
      missing ??= found.missing;
    }
    throw new Unsupported('file', `it watches what was added as fd ${missing?.fd}, and no descriptor leads to that file any more`, {
      why: 'the file lives on elsewhere: in another process, in a socket\'s queue, or as a mapping',
      hint: 'remove the target from the epoll before closing it',
    });
  },

  capture: (_, __, epfd) => ({ epfd }),

  reopen(entry) {
    const { flags, fown } = part(entry, 'epfd');
    const fd = new OwnedFd(sys(SYS.epoll_create1, 0o2000000));
    setFlags(fd, flags);
    setSignal(fd, fown);
    return fd;
  },

  fown: ({ epfd }) => epfd?.fown,
  connects: (entry, { hasDescriptor }) => part(entry, 'epfd').tfd.every(({ tfd }) => hasDescriptor(tfd)),

  connect(entry, at) {
    for (const target of part(entry, 'epfd').tfd) addTarget(target, at);
  },
};

type Found = { readonly entries: eventpoll_tfd_entry[] } | { readonly missing: EpollTarget };

function findTargets(targets: readonly EpollTarget[], holder: Holder, at: FileDumpContext): Found {
  if (targets.length === 0) return { entries: [] };
  const descriptors = at.descriptorsOf(holder.pid);
  const offsets = new Map<number, number>();
  const entries: eventpoll_tfd_entry[] = [];
  for (const target of targets) {
    // The same number may be there several times: each time another file had it.
    const offset = offsets.get(target.fd) ?? 0;
    offsets.set(target.fd, offset + 1);
    const fd = findDescriptor(target, offset, holder, descriptors);
    if (fd === undefined) return { missing: target };
    refuseOwnParts(descriptors.get(fd)?.link ?? '', (pid) => at.hasProcess(pid));
    entries.push({
      id: 0,
      tfd: fd,
      events: target.events,
      data: target.data,
      ...(target.file && { dev: target.file.dev, inode: target.file.inode, pos: BigInt.asUintN(64, target.file.pos) }),
      ...(fd !== target.fd && { addedAs: target.fd }),
    });
  }
  return { entries };
}

/** The descriptor of that process that is the target: mostly the number it was added under, else a duplicate. */
function findDescriptor(target: EpollTarget, offset: number, { pid, fd: efd }: Holder, descriptors: ReadonlyMap<number, InspectedFile>): number | undefined {
  kcmp_epoll_slot.write(slotMemory.view, 0, { efd, tfd: target.fd, toff: offset });
  const is = (fd: number): boolean => kcmp(pid, pid, KCMP.EPOLL_TFD, fd, slotMemory.address) === 0;
  if (descriptors.has(target.fd) && is(target.fd)) return target.fd;
  for (const [fd, { stat }] of descriptors) {
    const known = target.file;
    const candidate = known === undefined || (known.inode === stat.ino && known.dev === kernelMakedev(major(stat.dev), minor(stat.dev)));
    if (candidate && is(fd)) return fd;
  }
  return undefined;
}

function addTarget({ tfd, events, data, addedAs }: eventpoll_tfd_entry, { fd, batch, hasDescriptor }: FileConnectContext): void {
  batch.doing(`watch fd ${tfd}`);
  const event = batch.struct(epoll_event.size);
  epoll_event.write(event.view, 0, { events: events >>> 0, data });
  const add = (number: number): void => void batch.expect(0, SYS.epoll_ctl, fd, EPOLL_CTL.ADD, number, event.address);
  if (addedAs === undefined || addedAs === tfd || addedAs === fd) return add(tfd);
  // The kernel knows the target by this number: the target has it again for the moment of adding.
  const spare = hasDescriptor(addedAs) ? batch.call(SYS.fcntl, addedAs, F.DUPFD_CLOEXEC, 0) : undefined;
  const cloexec = spare === undefined ? undefined : batch.call(SYS.fcntl, addedAs, F.GETFD, 0);
  batch.call(SYS.dup3, tfd, addedAs, 0);
  add(addedAs);
  if (spare === undefined || cloexec === undefined) {
    batch.call(SYS.close, addedAs);
    return;
  }
  batch.call(SYS.dup3, spare, addedAs, 0);
  batch.call(SYS.fcntl, addedAs, F.SETFD, cloexec);
  batch.call(SYS.close, spare);
}
