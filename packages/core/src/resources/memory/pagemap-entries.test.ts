import t from 'tap';
import type { DescribedVma } from './describe-vmas.js';
import { planFill } from './fill.js';
import { VmaPages } from './pagemap-entries.js';
import { VMA } from './vma-status.js';

const MB = 1024 * 1024;
const vma = (start: number, end: number, status: number): DescribedVma => ({ start, end, name: '', entry: { start: BigInt(start), end: BigInt(end), status } as DescribedVma['entry'] });
const ANON = VMA.REGULAR | VMA.ANON_PRIVATE;
const FILE = VMA.REGULAR | VMA.FILE_PRIVATE;

t.test('runs are cut by mappings; the vdso is whole; neighbours with the same flags are one', (t) => {
  const pages = new VmaPages([
    vma(0x1000, 0x3000, FILE),
    vma(0x3000, 0x5000, ANON),
    vma(0x5000, 0x7000, ANON),
    vma(0x8000, 0x9000, VMA.REGULAR | VMA.ANON_SHARED),
    vma(0x9000, 0xb000, VMA.REGULAR | VMA.VDSO | VMA.ANON_PRIVATE),
    vma(0xc000, 0xd000, ANON),
  ]);
  pages.add(0x2000, 0x6000);
  pages.add(0x8000, 0x9000);
  pages.add(0xc000, 0xd000);
  const list = pages.finish();
  const { vaddr, nrPages, flags } = list.pagemap(1);
  t.same([...vaddr].map(Number), [0x2000, 0x3000, 0x9000, 0xc000]);
  t.same([...nrPages], [1, 3, 2, 1]);
  t.same([...flags], [4, 6, 4, 6], 'private anonymous memory could be lazy');
  t.same(list.runs, [0x2000, 0x4000, 0x9000, 0x2000, 0xc000, 0x1000], 'what is copied does not care for flags');
  t.equal(list.bytes, 7 * 0x1000);
  t.end();
});

t.test('a vdso behind all pages is there too', (t) => {
  const pages = new VmaPages([vma(0x1000, 0x2000, ANON), vma(0x9000, 0xb000, VMA.REGULAR | VMA.VDSO)]);
  pages.add(0x1000, 0x2000);
  t.same(pages.finish().runs, [0x1000, 0x1000, 0x9000, 0x2000]);
  t.end();
});

t.test('large anonymous runs are filled by threads, when they are worth it', (t) => {
  const mm = { vmas: [vma(MB, 65 * MB, ANON).entry, vma(65 * MB, 66 * MB, FILE).entry] } as never;
  const run = { address: MB, length: 65 * MB, offset: 0x1000 };
  t.same(planFill(mm, [run]), {
    threads: [{ address: MB, length: 64 * MB, offset: 0x1000 }],
    itself: [{ address: 65 * MB, length: MB, offset: 0x1000 + 64 * MB }],
  });
  const small = [{ address: MB, length: 2 * MB, offset: 0 }];
  t.same(planFill(mm, small), { threads: [], itself: small });
  t.end();
});
