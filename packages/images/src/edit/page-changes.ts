import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { Region } from '../memory/memory-map.js';
import { Patches } from './patches.js';
import type { Outcome } from './report.js';

/** The pages under one pagemap: a process's own, by its PID, or a shared segment's. */
export interface PageSpace {
  readonly kind: 'pagemap' | 'shmemPagemap';
  readonly id: bigint;
}

/** Addresses in a space that are to be without pages. */
export interface Drop {
  readonly start: bigint;
  /** not included */
  readonly end: bigint;
  readonly outcome: Outcome;
}

/** Everything that is to become of page contents. */
export class PageChanges {
  readonly #patches = new Map<string, Patches>();
  readonly #drops = new Map<string, Drop[]>();
  /** Pages of parents come into the set. */
  merge: Outcome | true | undefined;
  deduplicate: Outcome | undefined;
  /** No page file is copied as it is: nothing that no pagemap tells of may come along. */
  rewrite = false;
  format: { readonly compress?: 'lz4' | 'none' | undefined; readonly checksum?: boolean | undefined; readonly outcome?: Outcome | undefined } = {};

  patches(space: PageSpace): Patches {
    return entryOf(this.#patches, space, () => new Patches());
  }

  /** Everything that is written into memory. */
  *written(): Generator<Uint8Array> {
    for (const patches of this.#patches.values()) yield* patches.writtenBytes();
  }

  drops(space: PageSpace): Drop[] {
    return entryOf(this.#drops, space, () => []);
  }

  /** Will the pages of this space be others than they were, or elsewhere? */
  touches(space: PageSpace): boolean {
    return this.rewrite || this.merge !== undefined || this.deduplicate !== undefined || !this.patches(space).isEmpty || this.drops(space).length > 0;
  }
}

function entryOf<Value>(map: Map<string, Value>, { kind, id }: PageSpace, make: () => Value): Value {
  const key = `${kind} ${id}`;
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** Where an address of a process's memory is among the pages of the images. */
export function spaceOf(pid: number, region: Region): { readonly space: PageSpace; readonly shift: bigint } {
  if (region.segment === undefined) return { space: { kind: 'pagemap', id: BigInt(pid) }, shift: 0n };
  return { space: { kind: 'shmemPagemap', id: region.segment }, shift: region.start - region.offset };
}

/** Of segments, which belong to no process: the machine's. */
export async function pageSizeOf(checkpoint: Checkpoint): Promise<number> {
  const process = (await checkpoint.processes()).find((one) => !one.isZombie);
  return (await process?.pageSize()) ?? 4096;
}
