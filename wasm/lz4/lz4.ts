import { checkRange, instantiate, oncePerMemory } from '../memory.js';
import type { Memory, Region } from '../memory.js';
import { module } from './lz4.wasm.js';
import { plainCompress, plainDecompress } from './plain.js';

/** The LZ4 block format, on blocks of at most 64 KiB. */
export interface Lz4 {
  /**
   * Compresses a block into at most `room` bytes of the target. Returns the size, 0 where it does not fit:
   * with `room` one less than the block, what does not shrink is told by 0.
   * Up to 15 bytes behind the room may be overwritten: write blocks in the order in which they lie.
   */
  compress(source: Region, offset: number, length: number, target: Region, targetOffset: number, room: number): number;
  /** Decompresses a block into exactly `room` bytes; false where it is no such block. Safe with hostile bytes. */
  decompress(source: Region, offset: number, length: number, target: Region, targetOffset: number, room: number): boolean;
}

interface Exports {
  lz4_compress(source: number, length: number, target: number, room: number, table: number): number;
  lz4_decompress(source: number, length: number, target: number, room: number): number;
}

/** The largest block, bytes. */
export const LZ4_BLOCK = 64 * 1024;
const TABLE_BYTES = 8192 * 2;

/** Keeps 16 KiB of the memory for its hash table, for good. */
export const openLz4: (memory: Memory) => Lz4 = oncePerMemory((memory) => {
  const exports = instantiate<Exports>(module, memory);
  const table = exports && memory.reserve(TABLE_BYTES);
  return {
    compress(source, offset, length, target, targetOffset, room) {
      checkRange(source, offset, length);
      checkRange(target, targetOffset, room);
      if (length > LZ4_BLOCK) throw new RangeError(`a block of ${length} bytes; ${LZ4_BLOCK} is the most`);
      if (exports === undefined) return plainCompress(source.bytes(offset, length), target.bytes(targetOffset, room));
      return exports.lz4_compress(source.address + offset, length, target.address + targetOffset, room, table!);
    },
    decompress(source, offset, length, target, targetOffset, room) {
      checkRange(source, offset, length);
      checkRange(target, targetOffset, room);
      if (exports === undefined) return plainDecompress(source.bytes(offset, length), target.bytes(targetOffset, room));
      return exports.lz4_decompress(source.address + offset, length, target.address + targetOffset, room) === 1;
    },
  };
});
