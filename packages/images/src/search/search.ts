import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { Region } from '../memory/memory-map.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import { printable } from '../views/names.js';
import { MAX_MATCH, StreamSearch } from './stream-search.js';
import type { Pattern, StreamMatch } from './stream-search.js';

export { MAX_MATCH };
export type { Pattern };

export interface SearchOptions {
  /** only in these processes */
  readonly pids?: readonly number[] | undefined;
  /** only in regions for which this says so */
  readonly region?: ((region: Region) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Match {
  readonly pid: number;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** where it begins */
  readonly region: Region;
}

/**
 * All places in the dumped memory where the pattern is, process by process, in the order of their addresses, also across
 * pages and mappings that adjoin. Memory that the images don't hold (file contents that were not written to, zeros) is not
 * looked at. Streamed: a few MiB are held. A regular expression is run as it is given: one that backtracks without end does so here.
 * @throws TypeError for an empty pattern or one longer than 4 KiB; ImageCorrupt; the signal's reason
 */
export async function* searchCheckpoint(checkpoint: Checkpoint, pattern: Pattern, options: SearchOptions = {}): AsyncGenerator<Match, void, undefined> {
  for (const process of await checkpoint.processes()) {
    if (process.isZombie || options.pids?.includes(process.pid) === false) continue;
    for await (const match of searchMemory(await process.memory(), pattern, options)) yield { pid: process.pid, ...match };
  }
}

/** The same in one process's memory. */
export async function* searchMemory(memory: ProcessMemory, pattern: Pattern, options: SearchOptions = {}): AsyncGenerator<Omit<Match, 'pid'>, void, undefined> {
  const search = new StreamSearch(pattern);
  const told = function* (matches: Iterable<StreamMatch>): Generator<Omit<Match, 'pid'>> {
    for (const { at, bytes } of matches) yield { address: at, bytes, region: memory.regionAt(at)! };
  };
  for (const region of memory.regions) {
    if (options.region?.(region) === false) continue;
    for await (const piece of memory.regionPieces(region)) {
      options.signal?.throwIfAborted();
      if (piece.source === 'images') yield* told(search.push(piece.address, await piece.read()));
    }
  }
  yield* told(search.end());
}

/** Printable ASCII of at least `min` characters, as strings(1) finds it. */
export async function* stringsIn(memory: ProcessMemory, min = 6, options: SearchOptions = {}): AsyncGenerator<{ readonly address: bigint; readonly text: string; readonly region: Region }, void, undefined> {
  if (!Number.isInteger(min) || min < 1 || min > 1024) throw new RangeError(`strings of ${min} characters`);
  for await (const { address, bytes, region } of searchMemory(memory, new RegExp(`[\\t\\x20-\\x7e]{${min},1024}`), options)) yield { address, text: printable(bytes).replaceAll('\\x09', '\t'), region };
}
