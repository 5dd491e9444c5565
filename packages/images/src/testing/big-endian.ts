import { ImageReader } from '../image-reader.js';
import { imageTypeOfName } from '../image-types.js';
import { ImageWriter } from '../image-writer.js';
import { MemoryDirectory, MemorySink, MemorySource } from '../io/directory.js';
import { isRaw } from '../layout.js';

/** An image as a big-endian machine (s390x) would have written it: words and sizes the other way round. Raw kinds stay as they are. */
export function bigEndianImage(name: string, bytes: Uint8Array): Uint8Array {
  const found = imageTypeOfName(name);
  if (found === undefined || isRaw(found.type)) return bytes;
  const sink = new MemorySink(name);
  const writer = new ImageWriter(found.type, sink, { bigEndian: true });
  for (const entry of new ImageReader(found.type, new MemorySource(name, bytes)).entries()) writer.write(entry);
  writer.flush();
  return sink.bytes();
}

export function bigEndianSet(set: MemoryDirectory): MemoryDirectory {
  const turned = new MemoryDirectory();
  for (const [name, bytes] of set.files) turned.files.set(name, bigEndianImage(name, bytes));
  return turned;
}
