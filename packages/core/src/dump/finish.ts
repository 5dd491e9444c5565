import { compressPages } from '@criu-ts/images';
import type { DumpRun } from './run.js';

/** What nobody has to stand still for: compression, checksums, and the way to the disk. */
export async function finishPages(run: DumpRun): Promise<void> {
  const { compress, checksum, signal } = run.options;
  if (compress !== undefined || checksum === true) {
    for (const { file } of [...run.pages.values(), ...run.sharedPages.values()]) {
      if (file.file.size > 0) await compressPages(run.images.directory, file.id, { compress, checksum, signal });
    }
  }
  run.images.sync();
}
