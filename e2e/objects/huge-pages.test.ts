import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { testObjects } from '../harness/object-table.js';
import { waitFor } from '../harness/wait.js';

const POOL = '/sys/kernel/mm/hugepages/hugepages-2048kB';
/** What the program takes, and as much again. */
const WANTED = 32;

/** Pages that the administrator has set aside; undefined where there are none to be had. A program that finds too few skips, and says so. */
function pool(): number | undefined {
  const [all, surplus] = ['nr_hugepages', 'surplus_hugepages'].map((name) => {
    try {
      return Number(readFileSync(`${POOL}/${name}`, 'latin1'));
    } catch {
      return undefined;
    }
  });
  return all === undefined || surplus === undefined ? undefined : all - surplus;
}

function setPool(pages: number): void {
  writeFileSync(`${POOL}/nr_hugepages`, String(pages));
}

const before = pool();
if (before !== undefined && process.getuid?.() === 0) {
  try {
    setPool(before + WANTED);
    t.teardown(async () => {
      // By as much as it was raised, whoever else has changed it since; those in use may stay until their process is gone.
      const after = Math.max(0, (pool() ?? 0) - WANTED);
      await waitFor('the pool to be as it was', () => {
        setPool(after);
        return pool() === after;
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
