// memfd_create(2). The contents are shared memory: pagemap-shmem-SHMID.img, whose number is the inode's.
import { fd_types, IMAGE_TYPES, type memfd_file_entry, type memfd_inode_entry } from '@criu-ts/images';
import { F, F_SEAL, MFD, O, S, SEEK, SYS } from '@criu-ts/kernel/abi';
import { splitDeleted } from '@criu-ts/kernel/procfs';
import { fcntl, OwnedFd, rawSyscall, scratch, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import type { FileDumpContext, FileKind, FileRestoreContext, InspectedFile } from '../file-kind.js';
import { setSignal } from '../../files/fown.js';
import { part } from '../../files/message-part.js';
import { openFlags } from '../../files/named-file.js';
import { fileType, reopen } from '../../files/paths.js';
import { hugeSizeFlag, isHugetlb } from '../memory/hugetlb.js';
import { createSharedMemory } from '../memory/shared-memory.js';
import { PAGE } from '../memory/vma-status.js';
import { setFlags } from '../../files/status-flags.js';

const PREFIX = '/memfd:';
/** Anonymous shared memory, opened through /proc/PID/map_files. Images have it as a memfd of this name, as CRIU has it. */
const SHARED = '/dev/zero';
const EINVAL = 22;

export const memfd: FileKind<void> = {
  name: 'memfd',
  type: fd_types.MEMFD,
  recognises: ({ link, stat }, { shmemDev }) => stat.dev === shmemDev || link.startsWith(PREFIX),

  judge({ link, stat }) {
    if (fileType(stat.mode) !== S.IFREG || nameOf(link) === undefined) throw new Unsupported('file', `a descriptor of shared memory of an unknown kind (${link}) is not supported`);
  },

  capture: (file, at) => ({
    memfd: { id: at.id, flags: file.flags, pos: BigInt.asUintN(64, file.pos), fown: file.fown, inodeId: captureInode(file, at) },
  }),

  reopen(entry, at) {
    const message = part(entry, 'memfd');
    const fd = openMemfd(message, message.flags, at);
    if ((message.flags & O.PATH) !== 0) return fd;
    sys(SYS.lseek, fd.number, message.pos, SEEK.SET);
    setFlags(fd, message.flags);
    setSignal(fd, message.fown);
    return fd;
  },

  openForMapping: (entry, flags, at) => reopen(inodeOf(part(entry, 'memfd'), at).anchor, openFlags(flags)),
  fown: (entry) => entry.memfd?.fown,
};

/** undefined: it is neither a memfd nor anonymous shared memory. */
function nameOf(link: string): string | undefined {
  const { path } = splitDeleted(link);
  if (path.startsWith(PREFIX)) return path.slice(PREFIX.length);
  return path === SHARED ? SHARED : undefined;
}

/** The memory object, once, whoever has it open or mapped; its number. */
function captureInode(file: InspectedFile, at: FileDumpContext): number {
  const { stat, link } = file;
  return at.shared(`memfd:${stat.dev}:${stat.ino}`, () => {
    const inodeId = at.nextId('memfd');
    using fd = file.open();
    const huge = isHugetlb(fd);
    const shmid = at.sharedMemoryId(BigInt.asUintN(32, stat.ino), huge);
    // F_GET_SEALS wants more than O_PATH.
    using readable = reopen(fd, O.RDONLY);
    at.append(IMAGE_TYPES.memfdInode, {
      name: nameOf(link) ?? link,
      uid: stat.uid,
      gid: stat.gid,
      size: stat.size,
      shmid: Number(shmid),
      seals: fcntl(readable, F.GET_SEALS),
      inodeId: BigInt(inodeId),
      mode: stat.mode,
      ...(huge && { hugetlbFlag: MFD.HUGETLB | hugeSizeFlag(stat.blksize) }),
    });
    at.noteSharedMemory(shmid, file.procPath);
    return inodeId;
  });
}

interface MadeMemfd {
  /** Stays until all is installed and mapped. */
  readonly anchor: OwnedFd;
  /** The descriptor of memfd_create, which the first that opened it for reading and writing gets. */
  original: OwnedFd | undefined;
}

function openMemfd({ inodeId, id }: memfd_file_entry, flags: number, at: FileRestoreContext): OwnedFd {
  const made = inodeOf({ inodeId, id }, at);
  const { original } = made;
  if ((flags & O.ACCMODE) !== O.RDWR || (flags & O.PATH) !== 0 || original === undefined) return reopen(made.anchor, openFlags(flags));
  made.original = undefined;
  return original;
}

function inodeOf({ inodeId, id }: Pick<memfd_file_entry, 'inodeId' | 'id'>, at: FileRestoreContext): MadeMemfd {
  return at.shared(`memfd:${inodeId}`, () => {
    const inode = at.images.readIfPresent(IMAGE_TYPES.memfdInode).find((candidate) => candidate.inodeId === BigInt(inodeId));
    if (inode === undefined) throw new ImageCorrupt(`memfd.img lacks the memory ${inodeId} of file ${id}`);
    return makeMemfd(inode, at);
  });
}

function makeMemfd(inode: memfd_inode_entry, at: FileRestoreContext): MadeMemfd {
  // What a program has named so is a memfd with seals, or none that can be told from memory.
  const original = inode.name === SHARED && inode.seals === F_SEAL.SEAL ? createSharedMemory(Math.max(PAGE, roundUp(Number(inode.size)))) : createMemfd(inode);
  const anchor = reopen(original, O.RDWR);
  const made: MadeMemfd = { anchor, original };
  const close = (): void => {
    anchor[Symbol.dispose]();
    made.original?.[Symbol.dispose]();
  };
  at.defer(close);
  sys(SYS.ftruncate, original.number, inode.size);
  at.fillSharedMemory(BigInt(inode.shmid), original);
  // The last page may reach beyond the end.
  if (inode.hugetlbFlag === undefined) sys(SYS.ftruncate, original.number, inode.size);
  sys(SYS.fchown, original.number, inode.uid, inode.gid);
  if (inode.mode !== undefined) sys(SYS.fchmod, original.number, inode.mode & 0o7777);
  // Seals forbid to write, and some to map for writing: they come when all stands.
  at.whenInstalled(() => {
    if (inode.seals !== F_SEAL.SEAL && inode.seals !== 0) fcntl(anchor, F.ADD_SEALS, inode.seals);
    close();
  });
  return made;
}

const roundUp = (size: number): number => Math.ceil(size / PAGE) * PAGE;

function createMemfd({ name, seals, mode, hugetlbFlag = 0 }: memfd_inode_entry): OwnedFd {
  // Without ALLOW_SEALING a memfd has the one seal F_SEAL_SEAL.
  const flags = MFD.CLOEXEC | hugetlbFlag | (seals === F_SEAL.SEAL ? 0 : MFD.ALLOW_SEALING);
  const executable = mode === undefined || (mode & 0o111) !== 0 || (seals & F_SEAL.EXEC) === 0;
  // Told explicitly, so that vm.memfd_noexec has no say; kernels before 6.3 don't know the flag.
  const attempts = [flags | (executable ? MFD.EXEC : MFD.NOEXEC_SEAL), flags];
  let error = 0;
  for (const attempt of attempts) {
    const result = rawSyscall(SYS.memfd_create, scratch.putString(name), attempt);
    if (result >= 0) return new OwnedFd(result);
    error = -result;
    if (error !== EINVAL) break;
  }
  throw new SyscallFailed(`memfd_create(${JSON.stringify(name)})`, error);
}
