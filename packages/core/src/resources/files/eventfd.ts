// eventfd(2); counter and semaphore mode from fdinfo (fs/eventfd.c eventfd_show_fdinfo)
import { type eventfd_file_entry, fd_types } from '@criu-ts/images';
import { EFD, SYS } from '@criu-ts/kernel/abi';
import { Memory, OwnedFd, sys } from '@criu-ts/kernel/sys';
import type { FileKind } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { setFlags } from '../../files/status-flags.js';

const word = new Memory(8);

export const eventfd: FileKind<eventfd_file_entry> = {
  name: 'eventfd',
  type: fd_types.EVENTFD,
  recognises: ({ link, info }) => link === 'anon_inode:[eventfd]' && info?.eventfd !== undefined,

  judge: ({ info, flags, fown }, { id }) => {
    const { count, semaphore } = info?.eventfd ?? {};
    // CRIU's message has no field for the semaphore mode.
    return { id, flags, fown, counter: count ?? 0n, ...(semaphore === true && { semaphore }) };
  },

  capture: (_, __, efd) => ({ efd }),

  reopen(entry) {
    const { counter, semaphore, flags, fown } = part(entry, 'efd');
    const fd = new OwnedFd(sys(SYS.eventfd2, 0, EFD.CLOEXEC | (semaphore === true ? EFD.SEMAPHORE : 0)));
    if (counter !== 0n) {
      word.view.setBigUint64(0, counter, true);
      sys(SYS.write, fd.number, word.address, 8);
    }
    setFlags(fd, flags);
    setSignal(fd, fown);
    return fd;
  },

  fown: ({ efd }) => efd?.fown,
};
