import type { DumpStats, RestoreStats } from '@criu-ts/core';

/** For --display-stats: the lines that CRIU prints, in its words, as scripts look for them. */
export function statsText(stats: DumpStats | RestoreStats): string {
  const us = (name: string, n: number): string => `${name}: ${Math.round(n)} us`;
  const pages = (name: string, n: number): string => `${name}: ${n} (0x${n.toString(16)})`;
  const lines =
    stats.kind === 'dump'
      ? [
          'Displaying dump stats:',
          us('Freezing time', stats.freezingTime),
          us('Frozen time', stats.frozenTime),
          us('Memory dump time', stats.memdumpTime),
          us('Memory write time', stats.memwriteTime),
          pages('Memory pages scanned', stats.pagesScanned),
          pages('Memory pages skipped from parent', stats.pagesSkippedParent),
          pages('Memory pages written', stats.pagesWritten),
          pages('Lazy memory pages', stats.pagesLazy),
        ]
      : [
          'Displaying restore stats:',
          pages('Pages compared', stats.pagesCompared),
          pages('Pages skipped COW', stats.pagesSkippedCow),
          pages('Pages restored', stats.pagesRestored),
          us('Restore time', stats.restoreTime),
          us('Forking time', stats.forkingTime),
        ];
  return `${lines.join('\n')}\n`;
}
