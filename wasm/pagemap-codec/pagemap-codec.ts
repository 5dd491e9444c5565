import { instantiate, oncePerMemory } from '../memory.js';
import type { Memory } from '../memory.js';
import { PAGEMAP_STATUS } from './columns.js';
import type { PagemapCodec } from './columns.js';
import { module } from './pagemap-codec.wasm.js';
import { plainDecode, plainEncode } from './plain.js';

interface Exports {
  pagemap_encode(vaddr: number, nrPages: number, flags: number, count: number, target: number): number;
  pagemap_decode(source: number, length: number, vaddr: number, nrPages: number, flags: number, room: number, state: number): number;
}

/** Longest entry that is written, bytes. */
export const MAX_ENTRY = 29;
/** Shortest entry that can be read: a size word and two fields of two bytes. */
const MIN_ENTRY = 8;

/** The codec without WebAssembly: it starts at once. */
export const plainPagemapCodec: PagemapCodec = { encode: plainEncode, decode: plainDecode };

export const openPagemapCodec: (memory: Memory) => PagemapCodec = oncePerMemory((memory) => {
  const exports = instantiate<Exports>(module, memory);
  if (exports === undefined) return plainPagemapCodec;
  return {
    encode({ vaddr, nrPages, flags }) {
      const count = vaddr.length;
      if (nrPages.length !== count || flags.length !== count) throw new RangeError(`columns of ${count}, ${nrPages.length} and ${flags.length} rows`);
      using columns = memory.allocate(count * 16);
      using target = memory.allocate(count * MAX_ENTRY);
      const at = columns.address;
      new BigUint64Array(memory.buffer, at, count).set(vaddr);
      new Uint32Array(memory.buffer, at + count * 8, count).set(nrPages);
      new Uint32Array(memory.buffer, at + count * 12, count).set(flags);
      const size = exports.pagemap_encode(at, at + count * 8, at + count * 12, count, target.address);
      return target.bytes(0, size).slice();
    },
    decode(bytes) {
      // One more, so that bytes too few for an entry are told by their own status.
      const room = Math.floor(bytes.length / MIN_ENTRY) + 1;
      using source = memory.allocate(bytes.length);
      using columns = memory.allocate(room * 16);
      using state = memory.allocate(8);
      source.bytes().set(bytes);
      const at = columns.address;
      const status = exports.pagemap_decode(source.address, bytes.length, at, at + room * 8, at + room * 12, room, state.address);
      const [count, consumed] = new Uint32Array(memory.buffer, state.address, 2) as unknown as [number, number];
      return {
        vaddr: new BigUint64Array(memory.buffer, at, count).slice(),
        nrPages: new Uint32Array(memory.buffer, at + room * 8, count).slice(),
        flags: new Uint32Array(memory.buffer, at + room * 12, count).slice(),
        consumed,
        status: PAGEMAP_STATUS[status]!,
      };
    },
  };
});

