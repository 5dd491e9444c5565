import { statSync } from 'node:fs';
import type { Checkpoint } from './checkpoint.js';
import { fileAccess, openDirectory } from './node-files.js';
import { openCheckpoint as open } from './open.js';
import type { CheckpointSource, OpenOptions } from './open.js';

/** Opens a checkpoint by its path, a directory or an archive, or whatever else openCheckpoint of `@criu-ts/images` takes. @throws ImageCorrupt; errors of the file system as Node gives them */
export async function openCheckpoint(source: string | CheckpointSource, options: OpenOptions = {}): Promise<Checkpoint> {
  if (typeof source !== 'string') return open(source, options);
  return open(statSync(source).isDirectory() ? openDirectory(source) : fileAccess(source), options);
}
