import { MAP, PROT, SYS } from '@criu-ts/kernel/abi';
import { open, sys, viewAt } from '@criu-ts/kernel/sys';
import t from 'tap';
import { scanByWords, scanPrivatePages } from './page-runs.js';
import { PAGE } from './vma-status.js';

const PAGES = 40_000;

t.test('both ways find the pages that were written, and no others', (t) => {
  const start = sys(SYS.mmap, 0, PAGES * PAGE, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.NORESERVE, -1, 0);
  t.teardown(() => sys(SYS.munmap, start, PAGES * PAGE));
  const bytes = new Uint8Array(viewAt(start, PAGES * PAGE));
  const written = [0, 1, 2, 7, 1000, 1001, 16_383, 16_384, 16_385, PAGES - 1];
  // Pages that were only read hold the zero page.
  let sum = bytes[5 * PAGE] as number;
  for (const page of written) bytes[page * PAGE] = 1;
  sum += bytes[30_000 * PAGE] as number;
  t.equal(sum, 0);
  using pagemap = open('/proc/self/pagemap', 0);
  const range = { start, end: start + PAGES * PAGE };
  const found = { ioctl: new Set<number>(), words: new Set<number>() };
  const collect = (pages: Set<number>) => (from: number, to: number): void => {
    for (let at = from; at < to; at += PAGE) pages.add((at - start) / PAGE);
  };
  scanPrivatePages(pagemap, [range], collect(found.ioctl));
  scanByWords(pagemap, range, collect(found.words));
  t.same([...found.ioctl], written, 'PAGEMAP_SCAN');
  t.same([...found.words], written, 'the words of /proc/self/pagemap');
  t.end();
});

t.test('thousands of runs come once each, in order', (t) => {
  const start = sys(SYS.mmap, 0, PAGES * PAGE, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.NORESERVE, -1, 0);
  t.teardown(() => sys(SYS.munmap, start, PAGES * PAGE));
  const bytes = new Uint8Array(viewAt(start, PAGES * PAGE));
  for (let page = 0; page < PAGES; page += 2) bytes[page * PAGE] = 1;
  // Eight pages at the end, as a stack has them behind many small mappings.
  for (let page = PAGES - 8; page < PAGES; page++) bytes[page * PAGE] = 1;
  using pagemap = open('/proc/self/pagemap', 0);
  let last = 0;
  let pages = 0;
  let disordered = 0;
  scanPrivatePages(pagemap, [{ start, end: start + PAGES * PAGE }], (from, to) => {
    if (from < last) disordered++;
    last = to;
    pages += (to - from) / PAGE;
  });
  t.equal(disordered, 0);
  t.equal(pages, PAGES / 2 + 4);
  t.end();
});
