import { IMAGE_TYPES, ImageSet } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import type { DumpStats, RestoreStats } from './events.js';
import type { CommonOptions } from './options.js';
import type { Emit } from './stage.js';

/** `stats-dump` or `stats-restore` in the working directory, as CRIU leaves them there. A failure costs nobody the dump. */
export function writeStatistics(options: CommonOptions, stats: DumpStats | RestoreStats, emit: Emit): void {
  try {
    using directory = new NodeDirectory(options.workDir ?? options.imagesDir, 'replace');
    const images = new ImageSet(directory);
    if (stats.kind === 'dump') {
      const { kind: _kind, freezingTime, frozenTime, memdumpTime, memwriteTime, ...counts } = stats;
      images.write(IMAGE_TYPES.statsDump, undefined, [{ dump: { freezingTime, frozenTime, memdumpTime, memwriteTime, ...wide(counts) } }]);
    } else {
      const { kind: _kind, forkingTime, restoreTime, ...counts } = stats;
      images.write(IMAGE_TYPES.statsRestore, undefined, [{ restore: { forkingTime, restoreTime, ...wide(counts) } }]);
    }
  } catch (error) {
    emit({ type: 'warning', text: `the statistics can't be written: ${error instanceof Error ? error.message : String(error)}` });
  }
}

/** The images keep counts in 64 bits, times in 32. */
function wide<Key extends string>(counts: Readonly<Record<Key, number>>): Record<Key, bigint> {
  return Object.fromEntries(Object.entries<number>(counts).map(([key, count]) => [key, BigInt(count)])) as Record<Key, bigint>;
}
