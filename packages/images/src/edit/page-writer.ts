import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { ImageCorrupt } from '../errors.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { ByteSink, ImageDirectory } from '../io/directory.js';
import { othersTurn } from '../io/turn.js';
import { fileName } from '../layout.js';
import { MAX_READ } from '../memory/async-pages.js';
import type { PageLayers, PageRun } from '../memory/page-layers.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import { PE_PARENT, PE_PRESENT, encodePagemap, pagemapOf } from '../pagemap/pagemap.js';
import { pageFileNames } from '../pages/format.js';
import type { Drop, PageChanges, PageSpace } from './page-changes.js';

interface Row {
  readonly page: number;
  pages: number;
  readonly flags: number;
}

/** Rows of a pagemap, those that go on each other being one. */
class Rows {
  readonly all: Row[] = [];

  add(page: number, pages: number, flags: number): void {
    const last = this.all.at(-1);
    if (last !== undefined && last.page + last.pages === page && last.flags === flags) last.pages += pages;
    else this.all.push({ page, pages, flags });
  }
}

export interface SpaceToWrite {
  readonly checkpoint: Checkpoint;
  readonly space: PageSpace;
  /** of its file of pages in the result */
  readonly newId: number;
  readonly pageSize: number;
  readonly changes: PageChanges;
  /** of a process: tells where a page that is left out reads as zeros */
  readonly memory: ProcessMemory | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Writes pagemap and (plain) pages of one space as the changes say, a MiB at a time. @throws ImageCorrupt */
export async function writeSpace(target: ImageDirectory, write: SpaceToWrite): Promise<void> {
  const { checkpoint, space, newId, pageSize, changes } = write;
  const type = IMAGE_TYPES[space.kind];
  const name = fileName(type, space.id);
  const chain = await checkpoint.chain();
  const merging = changes.merge !== undefined;
  const layers = (await checkpoint.pageLayers(type, space.id, pageSize, merging ? chain : [checkpoint.images]))!;
  const rows = new Rows();
  const names = pageFileNames(newId);
  // A set without any page may have no file for them.
  using sink = target.create(names.plain);
  const writer = new PageWriter(write, layers, await parentOf(write), rows, sink);
  for (const run of layers.runs()) {
    if (run.where === 'lost' && merging) throw new ImageCorrupt({ file: name, why: `${run.pages} pages from 0x${(run.page * pageSize).toString(16)} should be with a parent, and are not` });
    for (const part of partsOf(run, changes.drops(space), pageSize)) await writer.add(part);
  }
  using out = target.create(name);
  out.write(encodePagemap(pagemapOf(newId, rows.all.map(({ page, pages, flags }) => ({ vaddr: BigInt(page) * BigInt(pageSize), nrPages: pages, flags })))));
}

/** What the parents have of this space, where pages may be left to them. */
async function parentOf({ checkpoint, space, pageSize, changes }: SpaceToWrite): Promise<PageLayers | undefined> {
  if (changes.deduplicate === undefined || changes.merge !== undefined) return undefined;
  const [, ...parents] = await checkpoint.chain();
  return parents.length === 0 ? undefined : checkpoint.pageLayers(IMAGE_TYPES[space.kind], space.id, pageSize, parents);
}

interface Part extends PageRun {
  /** pages of the run before this part */
  readonly skip: number;
  readonly drop: Drop | undefined;
}

/** A run, cut where a drop begins or ends. */
function* partsOf(run: PageRun, drops: readonly Drop[], pageSize: number): Generator<Part> {
  const size = BigInt(pageSize);
  const end = run.page + run.pages;
  for (let page = run.page; page < end; ) {
    const dropAt = (number: number): Drop | undefined => drops.find((drop) => drop.start <= BigInt(number) * size && BigInt(number) * size < drop.end);
    const drop = dropAt(page);
    const border = Math.min(end, ...drops.flatMap((one) => [Number(one.start / size), Number(one.end / size)]).filter((number) => number > page));
    yield { ...run, page, pages: border - page, skip: page - run.page, drop };
    page = border;
  }
}

class PageWriter {
  readonly #write: SpaceToWrite;
  readonly #layers: PageLayers;
  readonly #parent: PageLayers | undefined;
  readonly #rows: Rows;
  readonly #sink: ByteSink;

  constructor(write: SpaceToWrite, layers: PageLayers, parent: PageLayers | undefined, rows: Rows, sink: ByteSink) {
    this.#write = write;
    this.#layers = layers;
    this.#parent = parent;
    this.#rows = rows;
    this.#sink = sink;
  }

  async add(part: Part): Promise<void> {
    const { pageSize, changes, space, signal } = this.#write;
    const held = part.where === 'present' || part.where === 'lost';
    if (part.drop !== undefined && held) {
      part.drop.outcome.changed({ file: fileName(IMAGE_TYPES[space.kind], space.id), object: 'pages left out' }, part.pages);
      return;
    }
    if (part.where !== 'present') {
      // Without merging, 'lost' is what the parent has.
      this.#rows.add(part.page, part.pages, part.flags);
      return;
    }
    if (part.layer > 0 && typeof changes.merge === 'object') changes.merge.changed({ file: fileName(IMAGE_TYPES[space.kind], space.id), object: 'pages of parents' }, part.pages);
    // What the parent's row said of it holds there; here it is present.
    const flags = part.layer === 0 ? part.flags : (part.flags & ~PE_PARENT) | PE_PRESENT;
    const total = part.pages * pageSize;
    for (let done = 0; done < total; done += MAX_READ) {
      await othersTurn();
      signal?.throwIfAborted();
      const length = Math.min(MAX_READ, total - done);
      const bytes = await this.#layers.read(part, part.skip * pageSize + done, length);
      const page = part.page + done / pageSize;
      changes.patches(space).apply(bytes, BigInt(page) * BigInt(pageSize));
      if (changes.deduplicate === undefined) {
        this.#rows.add(page, length / pageSize, flags);
        this.#sink.write(bytes);
      } else await this.#thinOut(bytes, page, flags);
    }
  }

  /** Writes only pages that hold something of their own. */
  async #thinOut(bytes: Uint8Array, first: number, flags: number): Promise<void> {
    const { pageSize, changes, space } = this.#write;
    const outcome = changes.deduplicate!;
    const file = fileName(IMAGE_TYPES[space.kind], space.id);
    const before = await this.#ofParent(first, bytes.length / pageSize);
    for (let at = 0; at < bytes.length; at += pageSize) {
      const page = first + at / pageSize;
      const content = bytes.subarray(at, at + pageSize);
      if (sameBytes(content, before.get(page))) {
        outcome.changed({ file, object: 'pages as the parent has them' });
        this.#rows.add(page, 1, PE_PARENT);
      } else if (isZero(content) && this.#readsAsZero(page)) outcome.changed({ file, object: 'pages of zeros' });
      else {
        this.#rows.add(page, 1, flags);
        this.#sink.write(content);
      }
    }
  }

  /** These pages, as far as the parents have them. */
  async #ofParent(first: number, count: number): Promise<ReadonlyMap<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    const { pageSize } = this.#write;
    for (const run of this.#parent?.runs(first, first + count) ?? []) {
      if (run.where !== 'present') continue;
      const bytes = await this.#parent!.read(run, 0, run.pages * pageSize);
      for (let i = 0; i < run.pages; i++) found.set(run.page + i, bytes.subarray(i * pageSize, (i + 1) * pageSize));
    }
    return found;
  }

  /** Would a page that no row tells of hold zeros? Of a mapped file it would hold what the file has. */
  #readsAsZero(page: number): boolean {
    const { space, pageSize, memory } = this.#write;
    if (space.kind === 'shmemPagemap') return true;
    const region = memory?.regionAt(BigInt(page) * BigInt(pageSize));
    return region !== undefined && ['heap', 'stack', 'anonymous'].includes(region.kind) && region.fileId === undefined;
  }
}

/** Pages as words: a byte at a time is slow. Their length is a multiple of four. */
const words = (bytes: Uint8Array): Uint32Array => (bytes.byteOffset % 4 === 0 ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) : words(bytes.slice()));

function isZero(page: Uint8Array): boolean {
  for (const word of words(page)) if (word !== 0) return false;
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  if (b === undefined) return false;
  const other = words(b);
  return words(a).every((word, i) => word === other[i]);
}
