// reg_file_entry: what the images have of every file that is opened by its name.
import type { reg_file_entry } from '@criu-ts/images';
import { FS_MAGIC, major, minor, O, S } from '@criu-ts/kernel/abi';
import type { InspectedFile } from '../resources/file-kind.js';
import { buildIdOf } from './build-id.js';
import type { NamedFile } from './named-file.js';
import { fileType, fsTypeOf } from './paths.js';

/** drivers/char/mem.c */
const MEM_MAJOR = 1;
const KMSG_MINOR = 11;

export function captureRegular(file: InspectedFile, { path, external }: NamedFile, id: number): reg_file_entry {
  const { stat, flags } = file;
  const isFile = fileType(stat.mode) === S.IFREG;
  // What others append to, such as a log, may have grown by the time of the restore.
  const sizeMatters = isFile && !((flags & O.ACCMODE) === O.WRONLY && (flags & O.APPEND) !== 0);
  let buildId: number[] = [];
  if (sizeMatters && stat.size > 64n) {
    using fd = file.open();
    // Reading a file of /proc may do anything, or block.
    if (fsTypeOf(fd) !== FS_MAGIC.PROC_SUPER_MAGIC) buildId = buildIdOf(fd);
  }
  return { id, flags, pos: position(file), fown: file.fown, name: path, ...(sizeMatters && { size: stat.size }), ...(external && { ext: true }), mode: stat.mode, buildId };
}

/** /dev/kmsg that is only written to can't be positioned: the kernel says EINVAL. */
function position({ stat, flags, pos }: InspectedFile): bigint {
  const kmsg = fileType(stat.mode) === S.IFCHR && major(stat.rdev) === MEM_MAJOR && minor(stat.rdev) === KMSG_MINOR;
  return BigInt.asUintN(64, kmsg && (flags & O.ACCMODE) === O.WRONLY && pos === 0n ? -1n : pos);
}
