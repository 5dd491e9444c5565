import type { mm_entry } from '@criu-ts/images';
import { MAP } from '@criu-ts/kernel/abi';
import t from 'tap';
import { checkHugePages, hugeFlags, hugePageSize, type HugePageNeeds, hugeSizeFlag, needForPrivate, needHugePages } from './hugetlb.js';

t.test('sizes among flags', async (t) => {
  for (const [size, flag] of [[2 << 20, 21 << 26], [1 << 30, 30 << 26], [64 << 10, 16 << 26]] as const) {
    t.equal(hugeSizeFlag(size), flag);
    t.equal(hugePageSize(MAP.PRIVATE | flag), size);
  }
  t.equal(hugeFlags(MAP.SHARED | MAP.HUGETLB | (21 << 26)), MAP.HUGETLB | (21 << 26));
  t.equal(hugeFlags(MAP.SHARED | (21 << 26)), 0, 'not of huge pages');
});

t.test('what the pool must have', async (t) => {
  const needs: HugePageNeeds = new Map();
  const flags = MAP.HUGETLB | hugeSizeFlag(2 << 20);
  const vma = (more: number): object => ({ flags: flags | more, start: 0n, end: 4n << 20n });
  needForPrivate(needs, { vmas: [vma(MAP.PRIVATE), vma(MAP.PRIVATE | MAP.NORESERVE), vma(MAP.SHARED)] } as unknown as mm_entry);
  needHugePages(needs, flags, 2 << 20);
  t.same([...needs], [[2 << 20, 6 << 20]], 'private memory that is reserved, and what was told');
});

t.test('a pool that has not as many', async (t) => {
  checkHugePages(new Map());
  t.throws(() => checkHugePages(new Map([[2 << 20, 2 ** 50]])), { code: 'host-hugetlb', hint: /./ });
  t.throws(() => checkHugePages(new Map([[3 << 20, 3 << 20]])), { code: 'host-hugetlb', message: /3072 kB/ }, 'a size that is none');
});
