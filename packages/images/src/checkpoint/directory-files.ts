import type { ByteAccess } from '../access/byte-access.js';
import type { ByteSource, ImageDirectory } from '../io/directory.js';
import type { ImageFiles } from './image-files.js';

/** An ImageDirectory, which is synchronous and knows no parent, as the files of a checkpoint. */
export function directoryFiles(directory: ImageDirectory, name: string): ImageFiles {
  return {
    name,
    identity: name,
    list: () => directory.list(),
    open: (file) => openFile(directory, file),
    parent: async () => undefined,
    beside: () => undefined,
    listBeside: () => [],
    close() {},
  };
}

function openFile(directory: ImageDirectory, file: string): ByteAccess | undefined {
  const source = directory.open(file);
  if (source === undefined) return undefined;
  const { size } = source;
  source[Symbol.dispose]();
  const read = (open: ByteSource, offset: number, length: number): Uint8Array => {
    using from = open;
    return from.read(offset, length);
  };
  return { name: file, size, sequential: false, read: async (offset, length) => read(directory.open(file)!, offset, length), close() {} };
}
