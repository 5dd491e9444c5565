import { checkRange, instantiate, oncePerMemory } from '../memory.js';
import type { Memory, Region } from '../memory.js';
import { module } from './search.wasm.js';

export interface Search {
  /**
   * Where `needle` begins among the first `length` bytes of the region, overlapping places too, in increasing order.
   * `places` receives them as u32, as many as fit; `searched` tells how many places were tried: less than
   * `length - needle.length + 1` where `places` was full, and then the next search begins there.
   */
  search(hay: Region, length: number, needle: Region, places: Region): { found: number; searched: number };
}

interface Exports {
  search(hay: number, length: number, needle: number, needleLength: number, second: number, places: number, room: number, searched: number): number;
}

/** Keeps a few bytes of the memory, for good. */
export const openSearch: (memory: Memory) => Search = oncePerMemory((memory) => {
  const exports = instantiate<Exports>(module, memory);
  const scratch = exports && memory.reserve(4);
  return {
    search(hay, length, needle, places) {
      checkRange(hay, 0, length);
      const room = places.length >> 2;
      if (room === 0) throw new RangeError('no room for what is found');
      if (exports === undefined) return plainSearch(hay.bytes(0, length), needle.bytes(), new Uint32Array(memory.buffer, places.address, room));
      const found = exports.search(hay.address, length, needle.address, needle.length, rareByte(needle.bytes()), places.address, room, scratch!);
      return { found, searched: new Uint32Array(memory.buffer, scratch!, 1)[0]! };
    },
  };
});

/** Bytes that memory is full of: zeros, ones, and what text is made of most. */
const COMMON = new Set([0, 1, 0xff, ...[..." \naeinorst"].map((character) => character.charCodeAt(0))]);

/** The place of a byte that memory holds seldom; better not the first, which is compared anyway. */
export function rareByte(needle: Uint8Array): number {
  const rare = needle.findLastIndex((byte) => !COMMON.has(byte));
  return rare > 0 ? rare : Math.max(0, needle.length - 1);
}

/** The same without WebAssembly: the tests' oracle, and the way where there is none. */
export function plainSearch(hay: Uint8Array, needle: Uint8Array, places: Uint32Array): { found: number; searched: number } {
  if (needle.length === 0 || needle.length > hay.length) return { found: 0, searched: 0 };
  const end = hay.length - needle.length + 1;
  let found = 0;
  for (let at = hay.indexOf(needle[0]!); at >= 0 && at < end; at = hay.indexOf(needle[0]!, at + 1)) {
    if (!needle.every((byte, i) => hay[at + i] === byte)) continue;
    places[found++] = at;
    if (found === places.length) return { found, searched: at + 1 };
  }
  return { found, searched: end };
}
