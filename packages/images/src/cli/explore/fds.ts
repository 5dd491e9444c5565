import { fd_types } from '../../gen/fdinfo.js';
import type { ImageSet } from '../../image-set.js';
import { IMAGE_TYPES } from '../../image-types.js';
import { openFileNames } from './file-names.js';

/** Each process with its descriptors, working directory and root. */
export function* listDescriptors(set: ImageSet): Generator<string> {
  const names = openFileNames(set);
  for (const { pid } of set.read(IMAGE_TYPES.pstree)) {
    yield `${pid}`;
    // A dead task has only a name and an exit code.
    if (!set.has(IMAGE_TYPES.ids, pid)) continue;
    const ids = set.readOne(IMAGE_TYPES.ids, pid);
    for (const fd of set.readIfPresent(IMAGE_TYPES.fdinfo, ids.filesId)) yield row(fd.fd, names.nameOf(fd.type, fd.id));
    const fs = set.readOne(IMAGE_TYPES.fs, pid);
    yield row('cwd', names.nameOf(fd_types.REG, fs.cwdId));
    yield row('root', names.nameOf(fd_types.REG, fs.rootId));
  }
}

const row = (fd: string | number, name: string): string => `\t${String(fd).padStart(7)}: ${name}`;
