import { fd_types } from '../../gen/fdinfo.js';
import type { file_entry } from '../../gen/fdinfo.js';
import type { ImageSet } from '../../image-set.js';
import { IMAGE_TYPES } from '../../image-types.js';
import type { ImageType } from '../../layout.js';
import { encodeQuotedPrintable } from '../../json/bytes-text.js';

/** What a listing calls an open file: a path, `pipe[12]`, `EVENTFD.3`. */
export interface FileNames {
  nameOf(type: fd_types, id: number): string;
}

const typeName = (type: number): string => Object.keys(fd_types).find((name) => fd_types[name as keyof typeof fd_types] === type) ?? `${type}`;

export function openFileNames(set: ImageSet): FileNames {
  const files = new Map(set.readIfPresent(IMAGE_TYPES.files).map((file) => [file.id, file]));
  const old = new Map<string, Map<number, object>>();
  /** A file's own entry: within files.img, or in the image of its kind as CRIU had it before 3.0. */
  function find<Entry extends { readonly id: number }>(id: number, within: (file: file_entry) => Entry | undefined, before: ImageType<Entry>): Entry | undefined {
    const file = files.get(id);
    if (file) return within(file);
    if (!old.has(before.kind)) old.set(before.kind, new Map(set.readIfPresent(before).map((entry) => [entry.id, entry])));
    return old.get(before.kind)!.get(id) as Entry | undefined;
  }
  return {
    nameOf(type, id) {
      if (type === fd_types.REG) return find(id, (file) => file.reg, IMAGE_TYPES.regFiles)?.name ?? 'unknown path';
      if (type === fd_types.PIPE) return `pipe[${find(id, (file) => file.pipe, IMAGE_TYPES.pipes)?.pipeId ?? '?'}]`;
      if (type !== fd_types.UNIXSK) return `${typeName(type)}.${id}`;
      const socket = find(id, (file) => file.usk, IMAGE_TYPES.unixsk);
      if (socket === undefined) return 'unix[?]';
      return `unix[${socket.ino} (${socket.peer})${socket.name.length ? ` ${encodeQuotedPrintable(socket.name)}` : ''}]`;
    },
  };
}
