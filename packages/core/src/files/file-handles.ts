// Files by their handle (name_to_handle_at(2), open_by_handle_at(2)): what inotify remembers of what it watches.
import type { fh_entry } from '@criu-ts/images';
import { kernelMajor, kernelMinor, O, SYS } from '@criu-ts/kernel/abi';
import { type MountInfo, readMountInfo, type ShownHandle } from '@criu-ts/kernel/procfs';
import { Memory, OwnedFd, rawSyscall, readLink } from '@criu-ts/kernel/sys';
import { openPath, statPath } from './paths.js';

/** The images have room for so many bytes of a handle. */
const WORDS = 16;
const memory = new Memory(8 + WORDS * 8);

export function handleEntry({ type, bytes }: ShownHandle): fh_entry {
  const padded = new Uint8Array(WORDS * 8);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  return { bytes: bytes.length, type, handle: Array.from({ length: WORDS }, (_, i) => view.getBigUint64(8 * i, true)) };
}

/** An O_PATH descriptor of the file, through any mount of its file system; undefined where it is gone, or none will do. */
export function openHandle(dev: number, { type, bytes, handle }: fh_entry, mounts = readMountInfo('self')): OwnedFd | undefined {
  const candidates = mounts.filter(({ devMajor, devMinor }) => devMajor === kernelMajor(dev) && devMinor === kernelMinor(dev));
  for (const mount of candidates) {
    using directory = openMount(mount);
    if (directory === undefined) continue;
    memory.view.setUint32(0, bytes, true);
    memory.view.setInt32(4, type, true);
    handle.slice(0, WORDS).forEach((word, i) => memory.view.setBigUint64(8 + 8 * i, word, true));
    const fd = rawSyscall(SYS.open_by_handle_at, directory.number, memory.address, O.PATH | O.CLOEXEC);
    if (fd >= 0) return new OwnedFd(fd);
  }
  return undefined;
}

function openMount({ mountPoint }: MountInfo): OwnedFd | undefined {
  try {
    return openPath(mountPoint, O.RDONLY | O.DIRECTORY | O.NONBLOCK);
  } catch {
    // A file is mounted there, or it is covered by another mount: the next one may do.
    return undefined;
  }
}

/** The path by which the file is reached now; undefined where it has none any more. */
export function pathOf(fd: OwnedFd, inode: bigint): string | undefined {
  const path = readLink(`/proc/self/fd/${fd.number}`);
  return path.startsWith('/') && statPath(path, false)?.ino === inode ? path : undefined;
}
