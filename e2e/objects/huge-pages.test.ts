import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { testObjects } from '../harness/object-table.js';
import { waitFor } from '../harness/wait.js';

const POOL = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
/** What the program takes, and as much again. */
const WANTED = 32;

/** Pages of the pool; undefined where there is none. A program that finds too few skips, and says so. */
function pool(): number | undefined {
  try {
    return Number(readFileSync(POOL, 'latin1'));
  } catch {
    return undefined;
  }
}

const before = pool();
if (before !== undefined && process.getuid?.() === 0) {
  try {
    writeFileSync(POOL, String(before + WANTED));
    t.teardown(async () => {
      // Those in use stay until their process is gone.
      await waitFor('the pool to be as it was', () => {
        writeFileSync(POOL, String(before));
        return pool() === before;
      });
    });
  } catch (error) {
    t.comment(`no huge pages: ${String(error)}`);
  }
}

testObjects([
  {
    program: 'huge_pages',
    allowed: [{ field: /^$/, difference: /^maps\/.*-p .* \/anon_hugepage \(deleted\)$/, because: 'the kernel keeps private huge pages in nameless files: others after a restore, one for each mapping' }],
  },
]);
