// Removed files that are still open: their contents travel in the images (ghost-file-ID.img).
import { type GhostEntry, type ghost_chunk_entry, type ghost_file_entry, IMAGE_TYPES, type ImageWriter, remap_type } from '@criu-ts/images';
import { kernelMakedev, major, minor, O, S, SEEK, SYS } from '@criu-ts/kernel/abi';
import { Memory, type OwnedFd, preadFully, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { HostLacks, ImageCorrupt, Unsupported } from '../errors.js';
import { DEFAULT_GHOST_LIMIT } from '../options.js';
import type { FileDumpContext, FileRestoreContext, InspectedFile } from '../resources/file-kind.js';
import { baseOf, chmod, fileType, lchown, mkdir, mknod, openPath, parentOf, reopen, rmdir, setTimes, statPath, symlink, timesOf, unlink } from './paths.js';

/** From this size on (CRIU's, bytes) the contents are written in chunks, without the holes. */
const CHUNKS_FROM = 3 * 4096;
const buffer = new Memory(256 * 1024);

const KEPT_TYPES = new Set<number>([S.IFREG, S.IFDIR, S.IFIFO, S.IFCHR, S.IFBLK, S.IFLNK]);

/** @throws Unsupported for a file that is too large, or of a type that can't be made anew */
export function judgeGhost({ stat, link }: InspectedFile, limit = DEFAULT_GHOST_LIMIT): void {
  if (!KEPT_TYPES.has(fileType(stat.mode))) throw new Unsupported('file', `a removed file of mode 0${stat.mode.toString(8)} is not supported`);
  const allocated = stat.blocks * 512n;
  if (allocated > BigInt(limit)) {
    throw new Unsupported('file', `the removed file ${link} is too large for the images: ${allocated} bytes, the limit is ${limit}`, {
      why: 'nobody else can reach it any more, so its contents must be part of the images',
      hint: `raise the limit: --ghost-limit ${allocated}`,
    });
  }
}

/** One ghost for each inode, whoever has it open or mapped. */
export function captureGhost(file: InspectedFile, id: number, at: FileDumpContext): void {
  const ghost = at.shared(`ghost:${file.stat.dev}:${file.stat.ino}`, () => {
    const number = at.nextId('ghost');
    writeGhost(file, number, at);
    return number;
  });
  at.append(IMAGE_TYPES.remapFpath, { origId: id, remapId: ghost, remapType: remap_type.GHOST });
}

function writeGhost(file: InspectedFile, number: number, at: FileDumpContext): void {
  const { stat } = file;
  const type = fileType(stat.mode);
  using fd = file.open();
  const { atime, mtime } = timesOf(fd);
  const inChunks = type === S.IFREG && stat.size >= CHUNKS_FROM;
  const message: ghost_file_entry = {
    uid: stat.uid,
    gid: stat.gid,
    mode: stat.mode,
    dev: kernelMakedev(major(stat.dev), minor(stat.dev)),
    ino: stat.ino,
    atim: { tvSec: atime.sec, tvUsec: atime.nsec / 1000n },
    mtim: { tvSec: mtime.sec, tvUsec: mtime.nsec / 1000n },
    ...((type === S.IFCHR || type === S.IFBLK) && { rdev: Number(stat.rdev) }),
    ...(inChunks && { chunks: true, size: stat.size }),
    ...(type === S.IFLNK && { symlnkTarget: targetOf(fd) }),
  };
  using writer = at.images.writer(IMAGE_TYPES.ghostFile, number);
  writer.message(message);
  if (type !== S.IFREG) return;
  // The duplicate may be write-only, or O_PATH.
  using readable = reopen(fd, O.RDONLY | O.NOATIME);
  if (inChunks) writeChunks(readable, Number(stat.size), writer);
  else copyOut(readable, 0, Number(stat.size), writer);
}

function writeChunks(fd: OwnedFd, size: number, writer: ImageWriter<GhostEntry>): void {
  for (const { off, len } of dataRuns(fd, size)) {
    writer.message({ len: BigInt(len), off: BigInt(off) } satisfies ghost_chunk_entry);
    copyOut(fd, off, len, writer);
  }
}

/** What is no hole, by SEEK_DATA and SEEK_HOLE; everything where the file system knows no holes. */
export function* dataRuns(fd: OwnedFd, size: number): Generator<{ off: number; len: number }> {
  for (let hole = 0; hole < size; ) {
    const data = rawSyscall(SYS.lseek, fd.number, hole, SEEK.DATA);
    if (data === -6) return; // ENXIO: only a hole follows
    if (data < 0) {
      if (hole > 0) throw new SyscallFailed('lseek(SEEK_DATA)', -data);
      yield { off: 0, len: size };
      return;
    }
    hole = Math.min(size, sys(SYS.lseek, fd.number, data, SEEK.HOLE));
    if (data >= size) return;
    yield { off: data, len: hole - data };
  }
}

function copyOut(fd: OwnedFd, offset: number, length: number, writer: ImageWriter<GhostEntry>): void {
  for (let done = 0; done < length; ) {
    const part = Math.min(buffer.size, length - done);
    const count = preadFully(fd, buffer.address, part, offset + done);
    // Whoever else has the file open may have cut it short; the message has told its size already.
    buffer.bytes.fill(0, count, part);
    writer.raw(buffer.bytes.subarray(0, part).slice());
    done += part;
  }
}

function targetOf(fd: OwnedFd): string {
  const at = buffer.putString('', 8192);
  const length = sys(SYS.readlinkat, fd.number, at, buffer.address, 4096);
  return Buffer.from(buffer.bytes.subarray(0, length)).toString('utf8');
}

/** A ghost that stands in the file system again, for the time of the restore. */
export interface StandingGhost {
  readonly path: string;
  readonly directory: boolean;
}

/** Makes the ghost, next to where its first user lies; it goes when all files are installed, or the restore fails. */
export function materializeGhost(number: number, wanted: string, at: FileRestoreContext): StandingGhost {
  return at.shared(`ghost:${number}`, () => {
    const [head] = at.images.scan(IMAGE_TYPES.ghostFile, number);
    if (head === undefined) throw new ImageCorrupt(`ghost-file-${number.toString(16)}.img holds no entry`);
    const message = head.message as ghost_file_entry;
    const directory = fileType(message.mode) === S.IFDIR;
    const path = besides(wanted, directory ? '' : `.cr.${number.toString(16)}.ghost`);
    make(path, message, number, at);
    let stands = true;
    const remove = (): void => {
      if (!stands) return;
      stands = false;
      if (directory) rmdir(path);
      else unlink(path);
    };
    at.defer(remove);
    at.whenInstalled(remove);
    lchown(path, message.uid, message.gid);
    // chown clears set-user-ID; a symlink has no mode of its own.
    if (fileType(message.mode) !== S.IFLNK) chmod(path, message.mode & 0o7777);
    if (message.atim !== undefined && message.mtim !== undefined) {
      const time = ({ tvSec, tvUsec }: { tvSec: bigint; tvUsec: bigint }): { sec: bigint; nsec: bigint } => ({ sec: tvSec, nsec: tvUsec * 1000n });
      setTimes(path, { atime: time(message.atim), mtime: time(message.mtim) });
    }
    return { path, directory };
  });
}

/**
 * In the file's own directory, or the nearest one above that exists: hard links don't cross file systems. A name with a
 * suffix may be left over from a restore that was killed, and is passed over; a directory must have its own.
 */
function besides(wanted: string, suffix: string): string {
  let directory = parentOf(wanted);
  while (directory !== '/' && statPath(directory) === undefined) directory = parentOf(directory);
  const plain = `${directory === '/' ? '' : directory}/${baseOf(wanted)}${suffix}`;
  let path = plain;
  for (let i = 1; statPath(path, false) !== undefined; i++) {
    if (suffix === '' || i === 10_000) throw new HostLacks('name-taken', `${plain} is in the way of a removed file that must come back for a moment`, { hint: 'move it away' });
    path = `${plain}.${i}`;
  }
  return path;
}

function make(path: string, message: ghost_file_entry, number: number, at: FileRestoreContext): void {
  const type = fileType(message.mode);
  if (type === S.IFDIR) mkdir(path, 0o700);
  else if (type === S.IFLNK) symlink(required(message.symlnkTarget, 'a ghost symlink without a target'), path);
  else if (type === S.IFREG) fill(path, message, number, at);
  else if (type === S.IFIFO) mknod(path, S.IFIFO | 0o600, 0);
  else if (type === S.IFCHR || type === S.IFBLK) mknod(path, type | 0o600, required(message.rdev, 'a ghost device without a number'));
  else throw new ImageCorrupt(`ghost-file-${number.toString(16)}.img: mode 0${message.mode.toString(8)}`);
}

function fill(path: string, message: ghost_file_entry, number: number, at: FileRestoreContext): void {
  using fd = openPath(path, O.WRONLY | O.CREAT | O.EXCL, 0o600);
  try {
    using source = at.images.source(IMAGE_TYPES.ghostFile, number);
    const copy = (from: number, length: number, to: number): void => {
      for (let done = 0; done < length; ) {
        const bytes = source.read(from + done, Math.min(buffer.size, length - done));
        if (bytes.length === 0) throw new ImageCorrupt(`ghost-file-${number.toString(16)}.img ends early`);
        buffer.bytes.set(bytes);
        for (let wrote = 0; wrote < bytes.length; ) wrote += sys(SYS.pwrite64, fd.number, buffer.address + wrote, bytes.length - wrote, to + done + wrote);
        done += bytes.length;
      }
    };
    const [head, ...chunks] = at.images.scan(IMAGE_TYPES.ghostFile, number);
    if (message.chunks !== true) copy(head?.payloadOffset ?? 0, head?.payloadLength ?? 0, 0);
    for (const chunk of chunks) {
      const { off } = chunk.message as ghost_chunk_entry;
      copy(chunk.payloadOffset, chunk.payloadLength, Number(off));
    }
    if (message.size !== undefined) sys(SYS.ftruncate, fd.number, message.size);
  } catch (error) {
    unlink(path);
    throw error;
  }
}

function required<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw new ImageCorrupt(problem);
  return value;
}
