import { instantiate, oncePerMemory } from '../memory.js';
import type { Memory } from '../memory.js';
import { module } from './message-json.wasm.js';

/** How a run ended; the order is that of `enum status` in message-json.h. */
export const MESSAGE_JSON_STATUS = ['done', 'no-room', 'cut-short', 'unusual', 'ended'] as const;
export type MessageJsonStatus = (typeof MESSAGE_JSON_STATUS)[number];

/** How far a run came, in whole entries: what follows can be gone on with. */
export interface MessageJsonRun {
  readonly consumed: number;
  /** A view that holds until the memory is used the next time. */
  readonly output: Uint8Array;
  /**
   * done: all was read. no-room: the next entry needs more. cut-short: the next entry is not all there.
   * unusual: the next entry is for the general codec, which knows what is wrong with it, if anything is; of JSON that may
   * be because it is not all there. ended: of JSON, the list's bracket was read, too.
   */
  readonly status: MessageJsonStatus;
}

/**
 * Messages between { u32 size, message }* and JSON as `crit` writes it (one line, ", " and ": "), by the tables that
 * `layTables` made. Where it has a result, it is the one of the general codec (packages/images/src/json), which is its
 * oracle in the tests; whatever is not usual it leaves to that one.
 */
export interface MessageJson {
  /** Each entry has ", " before it. The output has up to `room` bytes. */
  toJson(tables: Uint8Array, entries: Uint8Array, room: number): MessageJsonRun;
  /** `json` goes on behind the bracket of a list (`first`), or behind one of its entries; done where `most` entries were read. */
  fromJson(tables: Uint8Array, json: Uint8Array, first: boolean, most: number, room: number): MessageJsonRun;
}

interface Exports {
  entries_to_json(table: number, type: number, source: number, length: number, target: number, room: number, state: number): number;
  entries_from_json(table: number, type: number, source: number, length: number, target: number, room: number, first: number, most: number, state: number): number;
}

/** undefined where there is no WebAssembly: the general codec does it all then. */
export const openMessageJson: (memory: Memory) => MessageJson | undefined = oncePerMemory((memory) => {
  const exports = instantiate<Exports>(module, memory);
  if (exports === undefined) return undefined;
  const run = (tables: Uint8Array, input: Uint8Array, room: number, call: (table: number, source: number, output: number, state: number) => number): MessageJsonRun => {
    using table = memory.allocate(tables.length);
    using source = memory.allocate(input.length);
    using state = memory.allocate(8);
    using output = memory.allocate(room);
    table.bytes().set(tables);
    source.bytes().set(input);
    const status = call(table.address, source.address, output.address, state.address);
    const [consumed, produced] = new Uint32Array(memory.buffer, state.address, 2) as unknown as [number, number];
    return { consumed, output: output.bytes(0, produced), status: MESSAGE_JSON_STATUS[status]! };
  };
  return {
    toJson: (tables, entries, room) => run(tables, entries, room, (table, source, output, state) => exports.entries_to_json(table, 0, source, entries.length, output, room, state)),
    fromJson: (tables, json, first, most, room) => run(tables, json, room, (table, source, output, state) => exports.entries_from_json(table, 0, source, json.length, output, room, Number(first), most, state)),
  };
});
