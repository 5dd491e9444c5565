import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { ImageFiles } from '../checkpoint/image-files.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { ImageDirectory } from '../io/directory.js';
import { fileName } from '../layout.js';
import { openAsyncPages } from '../memory/async-pages.js';
import { compressPages } from '../pages/compress.js';
import { pageFileNames } from '../pages/format.js';
import { copyFile } from './image-writer.js';
import { pageSizeOf } from './page-changes.js';
import type { PageSpace } from './page-changes.js';
import { writeSpace } from './page-writer.js';
import type { Work } from './transformation.js';

/** How the pages of a pagemap are stored. */
interface Storage {
  readonly compress: 'lz4' | 'none';
  readonly checksum: boolean;
}

/** undefined where there is no file of pages */
async function storageOf(files: ImageFiles, pagesId: number): Promise<Storage | undefined> {
  const { plain, lz4 } = pageFileNames(pagesId);
  const hasPlain = files.open(plain) !== undefined;
  if (!hasPlain && files.open(lz4) === undefined) return undefined;
  return { compress: hasPlain ? 'none' : 'lz4', checksum: (await openAsyncPages(files, pagesId)).checksummed };
}

interface Pages {
  readonly space: PageSpace;
  /** of the file of pages, in the checkpoint and in the result */
  readonly pagesId: number;
  readonly newId: number;
  /** Others have the same file: each gets its own. */
  readonly shared: boolean;
}

/**
 * All pagemaps. Two of the same pages are no mistake of ours: a directory that was dumped into twice has pagemaps of
 * segments that are gone, and what they tell of is in files that were written anew.
 */
async function pagemapsOf({ images }: Checkpoint): Promise<Pages[]> {
  const found: { space: PageSpace; pagesId: number }[] = [];
  for (const kind of ['pagemap', 'shmemPagemap'] as const) {
    for (const id of images.ids(IMAGE_TYPES[kind])) found.push({ space: { kind, id }, pagesId: (await images.pagemap(IMAGE_TYPES[kind], id))!.pagesId });
  }
  let last = found.reduce((highest, { pagesId }) => Math.max(highest, pagesId), 0);
  const users = new Map<number, number>();
  for (const { pagesId } of found) users.set(pagesId, (users.get(pagesId) ?? 0) + 1);
  const taken = new Set<number>();
  return found.map(({ space, pagesId }) => {
    const newId = taken.has(pagesId) ? ++last : pagesId;
    taken.add(pagesId);
    return { space, pagesId, newId, shared: users.get(pagesId)! > 1 };
  });
}

/** Writes all pagemaps, and the pages that they tell of; what stays as it was is copied. @throws ImageCorrupt */
export async function writeAllPages(target: ImageDirectory, work: Work, dryRun: boolean): Promise<void> {
  const { checkpoint, findings } = work;
  const machine = await pageSizeOf(checkpoint);
  const pagemaps = await pagemapsOf(checkpoint);
  for (const pages of pagemaps) await writePagesOf(pages, machine, target, work, dryRun);
  const known = new Set(pagemaps.map(({ pagesId }) => pagesId));
  for (const name of checkpoint.files.list()) {
    const id = /^pages-(\d+)\./.exec(name)?.[1];
    if (id !== undefined && !known.has(Number(id))) findings.notes.add(`${name} is not part of the result: no pagemap tells of it`);
  }
}

async function writePagesOf({ space, pagesId, newId, shared }: Pages, machine: number, target: ImageDirectory, { checkpoint, pages, signal }: Work, dryRun: boolean): Promise<void> {
  const { files } = checkpoint;
  const before = await storageOf(files, pagesId);
  const { compress = before?.compress ?? 'none', checksum = before?.checksum ?? false, outcome } = pages.format;
  const stored = before !== undefined && (before.compress !== compress || before.checksum !== checksum);
  if (!pages.touches(space) && !stored && !shared) {
    const { plain, lz4, crc } = pageFileNames(pagesId);
    const kept = before === undefined ? [] : before.compress === 'lz4' ? [lz4] : before.checksum ? [plain, crc] : [plain];
    for (const name of [fileName(IMAGE_TYPES[space.kind], space.id), ...kept]) await copyFile(files.open(name)!, target, name);
    return;
  }
  if (stored) outcome?.changed({ file: `pages-${newId}`, object: 'pages', from: storageText(before), to: storageText({ compress, checksum }) });
  const process = space.kind === 'pagemap' ? (await checkpoint.processes()).find((one) => BigInt(one.pid) === space.id && !one.isZombie) : undefined;
  const pageSize = (await process?.pageSize()) ?? machine;
  await writeSpace(target, { checkpoint, space, newId, pageSize, changes: pages, memory: await process?.memory(), signal });
  if (!dryRun && (compress === 'lz4' || checksum)) await compressPages(target, newId, { compress: compress === 'lz4' ? 'lz4' : undefined, checksum, signal });
}

const storageText = ({ compress, checksum }: Storage): string => `${compress === 'lz4' ? 'LZ4' : 'plain'}${checksum ? ' with checksums' : ''}`;
