import type { ByteInput } from '../access/byte-access.js';
import { toAccess } from '../access/byte-access.js';
import { ImageCorrupt } from '../errors.js';
import { MemoryDirectory } from '../io/directory.js';
import type { ImageDirectory } from '../io/directory.js';
import { openArchive } from './archive-files.js';
import { Checkpoint } from './checkpoint.js';
import { directoryFiles } from './directory-files.js';
import type { ImageFiles, Limits } from './image-files.js';
import { DEFAULT_LIMITS } from './image-files.js';

export interface OpenOptions {
  readonly limits?: Partial<Limits>;
  /** where an archive holds several checkpoints: which, counted from 0; by default the one that is no other's parent */
  readonly which?: number;
}

/** Everything that is a checkpoint: an archive's bytes, an image directory, or image files by name. */
export type CheckpointSource = ByteInput | ImageFiles | ImageDirectory | ReadonlyMap<string, Uint8Array>;

/**
 * Opens a checkpoint without reading more of it than its table of contents: a tar (plain, gzip, zstd), a container
 * archive as podman, CRI-O or containerd export it, a directory of images, or files in memory. A path on disk is opened
 * by `openCheckpoint` of `@criu-ts/images/node`. Dispose of the checkpoint when done.
 * @throws ImageCorrupt where there are no images in it
 */
export async function openCheckpoint(source: CheckpointSource, options: OpenOptions = {}): Promise<Checkpoint> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return new Checkpoint(await filesOf(source, limits, options.which ?? 0), limits);
}

async function filesOf(source: CheckpointSource, limits: Limits, which: number): Promise<ImageFiles> {
  if (source instanceof Map) return directoryFiles(new MemoryDirectory(source as ReadonlyMap<string, Uint8Array>), 'memory');
  if ('beside' in source) return source;
  if ('list' in source) return directoryFiles(source, 'directory');
  const access = toAccess(source as ByteInput);
  const sets = await openArchive(access, limits);
  const set = sets[which];
  if (set === undefined) throw new ImageCorrupt({ file: access.name, why: sets.length === 0 ? 'there is no checkpoint in it (no inventory.img)' : `it holds ${sets.length} checkpoints, number ${which} is not among them` });
  return set;
}
