// pidfd_open(2); fdinfo 'Pid:', 'NSpid:' (kernel/fork.c pidfd_show_fdinfo)
import { fd_types, type pidfd_entry } from '@criu-ts/images';
import { PIDFD, SYS } from '@criu-ts/kernel/abi';
import { OwnedFd, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import { deadProcess } from '../../files/dead-process.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { setFlags } from '../../files/status-flags.js';
import type { FileKind } from '../file-kind.js';

/** In fdinfo and in the images: it has ended, and its parent has waited for it. */
const REAPED = -1;

export const pidfd: FileKind<pidfd_entry> = {
  name: 'pidfd',
  type: fd_types.PIDFD,
  // As an inode of pidfs, or of all anonymous inodes (before Linux 6.9).
  recognises: ({ info }) => info?.pidfd !== undefined,

  judge({ info, flags, fown, stat }, at) {
    const { pid = 0, nsPid = [] } = info?.pidfd ?? {};
    const nspid = pid === REAPED ? REAPED : (nsPid.at(-1) ?? pid);
    if (pid !== REAPED && !at.hasProcess(pid)) {
      const thread = (flags & PIDFD.THREAD) !== 0;
      throw new Unsupported('file', thread ? `a pidfd of thread ${pid} is not supported` : `a pidfd of process ${pid}, which is not part of the tree`, {
        why: thread ? 'only the first thread of a process can be referred to while a tree is restored' : 'nobody knows who will have that number at the restore',
        hint: thread ? 'close it before the dump' : 'dump a common ancestor, or close it before the dump',
      });
    }
    return { id: at.id, ino: Number(BigInt.asUintN(32, stat.ino)), flags, nspid, fown };
  },

  capture: (_, __, entry) => ({ pidfd: entry }),

  // Pidfds of one inode were of one process.
  reopen(entry, at) {
    const { nspid, flags, fown, ino } = part(entry, 'pidfd');
    const fd = openPidfd(nspid === REAPED ? deadProcess(`pidfd ${ino}`, at) : nspid, flags & PIDFD.THREAD);
    setFlags(fd, flags);
    setSignal(fd, fown);
    return fd;
  },

  fown: ({ pidfd: entry }) => entry?.fown,
};

function openPidfd(pid: number, flags: number): OwnedFd {
  const result = rawSyscall(SYS.pidfd_open, pid, flags);
  if (result === -ESRCH) throw new ImageCorrupt(`a pidfd of process ${pid}, which the images lack`, { object: 'files.img' });
  if (result < 0) throw new SyscallFailed(`pidfd_open(${pid}, 0${flags.toString(8)})`, -result);
  return new OwnedFd(result);
}

const ESRCH = 3;
