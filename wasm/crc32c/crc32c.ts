import { checkRange, instantiate, oncePerMemory } from '../memory.js';
import type { Memory, Region } from '../memory.js';
import { module } from './crc32c.wasm.js';

/** CRC-32C (Castagnoli) of bytes in a memory. */
export interface Crc32c {
  /** The checksum of what `before` is the checksum of, followed by these bytes of the region. 0 stands for nothing. */
  checksum(region: Region, offset: number, length: number, before?: number): number;
}

interface Exports {
  crc32c_tables(table: number): void;
  crc32c(table: number, crc: number, address: number, length: number): number;
}

const TABLE_BYTES = 16 * 256 * 4;

/** Keeps 16 KiB of the memory for its tables, for good. */
export const openCrc32c: (memory: Memory) => Crc32c = oncePerMemory((memory) => {
  const exports = instantiate<Exports>(module, memory);
  if (exports === undefined) return { checksum: (region, offset, length, before = 0) => plainCrc32c(region.bytes(offset, length), before) };
  const table = memory.reserve(TABLE_BYTES);
  exports.crc32c_tables(table);
  return {
    checksum(region, offset, length, before = 0) {
      checkRange(region, offset, length);
      return exports.crc32c(table, before, region.address + offset, length) >>> 0;
    },
  };
});

/** The polynomial 0x1EDC6F41, bits reversed. */
const POLYNOMIAL = 0x82f6_3b78;
let plainTable: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    return crc;
  });
}

/** The same without WebAssembly: the tests' oracle, and the way where there is none. */
export function plainCrc32c(bytes: Uint8Array, before = 0): number {
  const table = (plainTable ??= makeTable());
  let crc = ~before;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}
