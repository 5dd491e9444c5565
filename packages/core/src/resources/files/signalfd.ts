// signalfd(2); mask from fdinfo 'sigmask:' (fs/signalfd.c signalfd_show_fdinfo)
import { fd_types, type signalfd_entry } from '@criu-ts/images';
import { SFD, SYS } from '@criu-ts/kernel/abi';
import { Memory, OwnedFd, sys } from '@criu-ts/kernel/sys';
import type { FileKind } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { setFlags } from '../../files/status-flags.js';

const mask = new Memory(8);

export const signalfd: FileKind<signalfd_entry> = {
  name: 'signalfd',
  type: fd_types.SIGNALFD,
  recognises: ({ link, info }) => link === 'anon_inode:[signalfd]' && info?.sigmask !== undefined,
  judge: ({ info, flags, fown }, { id }) => ({ id, flags, fown, sigmask: info?.sigmask ?? 0n }),
  capture: (_, __, sgfd) => ({ sgfd }),

  reopen(entry) {
    const { sigmask, flags, fown } = part(entry, 'sgfd');
    mask.view.setBigUint64(0, sigmask, true);
    const fd = new OwnedFd(sys(SYS.signalfd4, -1, mask.address, 8, SFD.CLOEXEC));
    setFlags(fd, flags);
    setSignal(fd, fown);
    return fd;
  },

  fown: ({ sgfd }) => sgfd?.fown,
};
