import t, { type Test } from 'tap';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { openCheckpoint } from '../checkpoint/open.js';
import type { MemoryDirectory } from '../io/directory.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_LAZY, PE_PARENT, PE_PRESENT, readPagemap } from '../pagemap/pagemap.js';
import { compressPages } from '../pages/compress.js';
import type { CompressOptions } from '../pages/compress.js';
import { chainOf, edited } from '../testing/edited.js';
import { PAGE, at, page, pages, tinySet, vma, writePages } from '../testing/tiny-set.js';
import type { TinyProcess } from '../testing/tiny-set.js';
import type { Edit } from './edits.js';

const zero = new Uint8Array(PAGE);
const merge: Edit = { edit: 'merge-parents' };
const deduplicate: Edit = { edit: 'deduplicate' };
const anon = (first: number, count: number, more = {}): ReturnType<typeof vma> => vma(first, count, VMA.anonPrivate, more);

/** Rows of a pagemap as [page from at(0), pages, flags]. */
function rowsOf(directory: MemoryDirectory, id = 10, base = at(0)): [number, number, number][] {
  const { vaddr, nrPages, flags } = readPagemap(new ImageSet(directory), IMAGE_TYPES.pagemap, id);
  return Array.from(vaddr, (address, i) => [Number(address - base) / PAGE, nrPages[i]!, flags[i]!]);
}

const plain = (directory: MemoryDirectory, id = 10): Uint8Array => directory.files.get(`pages-${id}.img`)!;

async function memoryOf(sets: readonly MemoryDirectory[], count: number, pid = 10): Promise<Uint8Array> {
  using checkpoint = await openCheckpoint(chainOf(...sets));
  return await (await (await checkpoint.process(pid)).memory()).read(at(0), count * PAGE);
}

const process = (more: Partial<TinyProcess>): MemoryDirectory => tinySet([{ pid: 10, vmas: [anon(0, 8)], ...more }]);

t.test('merging: three generations become one', async (t) => {
  const first = process({ rows: [[0, 6, PE_PRESENT]], contents: pages(page('a'), page('b'), page('c'), page('d'), page('e'), page('f')) });
  const second = process({ rows: [[0, 2, PE_PARENT], [2, 2, PE_PRESENT], [4, 1, PE_PARENT]], contents: pages(page('C'), page('D')) });
  const third = process({ rows: [[0, 1, PE_PRESENT], [1, 4, PE_PARENT], [6, 1, PE_PRESENT | PE_LAZY]], contents: pages(page('1'), page('7')) });
  const before = await memoryOf([third, second, first], 8);
  const { directory, report } = await edited(t, [third, second, first], [merge]);
  t.same(await memoryOf([directory], 8), before, 'the same memory');
  t.same(rowsOf(directory), [[0, 5, PE_PRESENT], [6, 1, PE_PRESENT | PE_LAZY]]);
  t.same(plain(directory), pages(page('1'), page('b'), page('C'), page('D'), page('e'), page('7')));
  t.match(report.edits, [{ changes: 4, places: [{ file: 'pagemap-10.img', object: 'pages of parents', count: 4 }] }]);
});

t.test('merging: shared segments, and a process that the parent did not have', async (t) => {
  const shared = { vmas: [vma(0, 2, VMA.anonShared, { shmid: 5n, flags: 0x21 })] };
  const [parent, child] = [tinySet([{ pid: 10, ...shared }]), tinySet([{ pid: 10, ...shared }, { pid: 11, ppid: 10, vmas: [anon(0, 1)], rows: [[0, 1, PE_PRESENT]], contents: page('n') }])];
  writePages(new ImageSet(parent), 'shmemPagemap', 5, 99, [[0n, 2, PE_PRESENT]], pages(page('x'), page('y')));
  writePages(new ImageSet(child), 'shmemPagemap', 5, 99, [[0n, 1, PE_PRESENT], [BigInt(PAGE), 1, PE_PARENT]], page('X'));
  const { directory } = await edited(t, [child, parent], [merge]);
  t.same(await memoryOf([directory], 2), pages(page('X'), page('y')));
  t.same(await memoryOf([directory], 1, 11), page('n'));
});

t.test('merging: what is lost is told, and there is nothing to merge without a parent', async (t) => {
  const parent = process({ rows: [[0, 1, PE_PRESENT]], contents: page('a') });
  await t.rejects(edited(t, [process({ rows: [[0, 2, PE_PARENT]] }), parent], [merge]), { code: 'image-corrupt', message: /pagemap-10.img: 1 pages from 0x101000 should be with a parent/ });
  await t.rejects(edited(t, parent, [merge]), { code: 'edit-unmatched', message: /no parent/ });
});

t.test('a parent that nothing can lead to must be merged', async (t) => {
  const parent = process({ rows: [[0, 1, PE_PRESENT]], contents: page('a') });
  const child = process({ rows: [[0, 1, PE_PARENT]] });
  await t.rejects(edited(t, [child, parent], [{ edit: 'uid', from: 1000, to: 1 }]), { code: 'edit-refused', message: /parents of/ });
  let linked = 0;
  await edited(t, [child, parent], [{ edit: 'uid', from: 1000, to: 1 }], { linkParent: () => linked++ });
  t.equal(linked, 1);
});

t.test('deduplicating: what the parent has, and zeros where memory reads so', async (t) => {
  const vmas = [anon(0, 4), vma(4, 2, VMA.filePrivate, { shmid: 1n })];
  const parent = process({ vmas, rows: [[0, 3, PE_PRESENT]], contents: pages(page('a'), page('b'), zero) });
  const child = process({ vmas, rows: [[0, 6, PE_PRESENT]], contents: pages(page('a'), page('B'), zero, zero, zero, page('f')) });
  const before = await memoryOf([child, parent], 6);
  const { directory, report } = await edited(t, [child, parent], [deduplicate], { linkParent: () => undefined });
  t.same(rowsOf(directory), [[0, 1, PE_PARENT], [1, 1, PE_PRESENT], [2, 1, PE_PARENT], [4, 2, PE_PRESENT]]);
  t.same(plain(directory), pages(page('B'), zero, page('f')), 'zeros in a mapped file are not what the file has');
  t.same(await memoryOf([directory, parent], 6), before);
  t.same(report.edits[0]!.changes, 3);
});

t.test('deduplicating: shared memory, and nothing to do', async (t) => {
  const source = process({ vmas: [vma(0, 2, VMA.anonShared, { shmid: 5n, flags: 0x21 })] });
  writePages(new ImageSet(source), 'shmemPagemap', 5, 99, [[0n, 2, PE_PRESENT]], pages(zero, page('y')));
  const { directory, report } = await edited(t, source, [deduplicate]);
  t.same(await memoryOf([directory], 2), pages(zero, page('y')));
  t.equal(plain(directory, 99).length, PAGE);
  t.equal(report.edits[0]!.changes, 1);
  t.equal((await edited(t, directory, [deduplicate])).report.edits[0]!.changes, 0);
});

const KINDS = [anon(0, 2, { status: VMA.regular | VMA.anonPrivate | VMA.heap }), anon(2, 2), vma(4, 1, VMA.filePrivate, { shmid: 1n }), anon(5, 1, { flags: 0x122 })];
const all: Partial<TinyProcess> = { vmas: KINDS, rows: [[0, 6, PE_PRESENT]], contents: pages(...['a', 'b', 'c', 'd', 'e', 'f'].map(page)) };

t.test('leaving pages out: by kind', async (t) => {
  const { directory, report } = await edited(t, process(all), [{ edit: 'drop-pages', kind: 'heap' }]);
  t.same(await memoryOf([directory], 4), pages(zero, zero, page('c'), page('d')));
  t.same(plain(directory), pages(page('c'), page('d'), page('e'), page('f')));
  t.match(report.edits, [{ edit: 'drop-pages', changes: 2 }]);
});

t.test('leaving pages out: by address, in the middle of a run', async (t) => {
  const { directory } = await edited(t, process(all), [{ edit: 'drop-pages', range: { start: at(1), end: at(3) }, pid: 10 }]);
  t.same(rowsOf(directory), [[0, 1, PE_PRESENT], [3, 3, PE_PRESENT]]);
  t.same(await memoryOf([directory], 4), pages(page('a'), zero, zero, page('d')));
});

t.test('leaving pages out: what a parent has, and shared memory', async (t) => {
  const parent = process({ rows: [[0, 2, PE_PRESENT]], contents: pages(page('a'), page('b')) });
  const child = process({ rows: [[0, 2, PE_PARENT]] });
  const { directory } = await edited(t, [child, parent], [{ edit: 'drop-pages', range: { start: at(0), end: at(1) }, pid: 10 }]);
  t.same(await memoryOf([directory], 2), pages(zero, page('b')));
  const source = process({ vmas: [vma(0, 2, VMA.anonShared, { shmid: 5n, flags: 0x21 })] });
  writePages(new ImageSet(source), 'shmemPagemap', 5, 99, [[0n, 2, PE_PRESENT]], pages(page('x'), page('y')));
  const shared = await edited(t, source, [{ edit: 'drop-pages', kind: 'shared' }]);
  t.same(await memoryOf([shared.directory], 2), pages(zero, zero));
  t.match(shared.report.notes, [/every process that maps it/]);
});

const refusals: { name: string; edit: Edit; code: string; message: RegExp }[] = [
  { name: 'a stack', edit: { edit: 'drop-pages', kind: 'stack' as never }, code: 'edit-refused', message: /its calls could not return/ },
  { name: 'a stack, by address', edit: { edit: 'drop-pages', range: { start: at(5), end: at(6) }, pid: 10 }, code: 'edit-refused', message: /\[stack\].*its calls could not return/ },
  { name: 'a mapped file', edit: { edit: 'drop-pages', range: { start: at(3), end: at(5) }, pid: 10 }, code: 'edit-refused', message: /\/bin\/prog.*file’s contents/ },
  { name: 'no kind', edit: { edit: 'drop-pages', kind: 'bogus' as never }, code: 'edit-refused', message: /kinds are heap, anonymous/ },
  { name: 'neither kind nor addresses', edit: { edit: 'drop-pages' }, code: 'edit-refused', message: /by the kind of their mappings, or by their addresses/ },
  { name: 'addresses of no process', edit: { edit: 'drop-pages', range: { start: at(0), end: at(1) } }, code: 'edit-refused', message: /--pid/ },
  { name: 'a part of a page', edit: { edit: 'drop-pages', range: { start: at(0) + 1n, end: at(1) }, pid: 10 }, code: 'edit-refused', message: /pages have 4096 bytes/ },
  { name: 'nothing', edit: { edit: 'drop-pages', range: { start: at(1), end: at(1) }, pid: 10 }, code: 'edit-refused', message: /there are none/ },
  { name: 'where nothing is mapped', edit: { edit: 'drop-pages', range: { start: at(50), end: at(51) }, pid: 10 }, code: 'edit-unmatched', message: /pages to leave out/ },
  { name: 'another process', edit: { edit: 'drop-pages', kind: 'heap', pid: 99 }, code: 'edit-unmatched', message: /process 99/ },
  { name: 'no such memory', edit: { edit: 'drop-pages', kind: 'memfd' }, code: 'edit-unmatched', message: /pages to leave out \(memfd\)/ },
];
for (const { name, edit, code, message } of refusals) t.test(`leaving pages out, refused: ${name}`, async (t) => t.rejects(edited(t, process(all), [edit]), { code, message }));

const STATES: readonly CompressOptions[] = [{}, { checksum: true }, { compress: 'lz4' }, { compress: 'lz4', checksum: true }];
const filesOf = (directory: MemoryDirectory): string[] => directory.list().filter((name) => name.startsWith('pages-'));

async function stored(state: CompressOptions): Promise<MemoryDirectory> {
  const count = 40;
  const source = process({ vmas: [anon(0, count)], rows: [[0, count, PE_PRESENT]], contents: pages(...Array.from({ length: count }, (_, i) => page(String.fromCharCode(65 + i)))) });
  await compressPages(source, 10, state);
  return source;
}

for (const from of STATES) {
  for (const to of STATES) {
    t.test(`from ${JSON.stringify(from)} to ${JSON.stringify(to)}`, async (t: Test) => {
      const source = await stored(from);
      const { directory, report } = await edited(t, source, [{ edit: 'pages', compress: to.compress ?? 'none', checksum: to.checksum === true }]);
      const expected = await stored(to);
      t.same(filesOf(directory), filesOf(expected));
      for (const name of filesOf(expected)) t.same(directory.files.get(name), expected.files.get(name), name);
      t.equal(report.edits[0]!.changes, JSON.stringify(from) === JSON.stringify(to) ? 0 : 1);
    });
  }
}

t.test('storage that is not spoken of stays', async (t) => {
  const source = await stored({ compress: 'lz4', checksum: true });
  const { directory } = await edited(t, source, [{ edit: 'pages', checksum: false }]);
  t.same(directory.files.get('pages-10.lz4'), (await stored({ compress: 'lz4' })).files.get('pages-10.lz4'));
  await t.rejects(edited(t, source, [{ edit: 'pages', compress: 'lz4' }, { edit: 'pages', compress: 'none' }]), { code: 'edit-conflict' });
});

t.test('two pagemaps of the same pages: each gets its own', async (t) => {
  const source = tinySet([{ pid: 10, vmas: [anon(0, 2)] }, { pid: 11, ppid: 10, vmas: [anon(0, 1)] }]);
  writePages(new ImageSet(source), 'pagemap', 11, 10, [[at(0), 1, PE_PRESENT]], new Uint8Array(0));
  writePages(new ImageSet(source), 'pagemap', 10, 10, [[at(0), 2, PE_PRESENT]], pages(page('a'), page('b')));
  const { directory } = await edited(t, source, [{ edit: 'drop-pages', range: { start: at(0), end: at(1) }, pid: 10 }]);
  t.same([await memoryOf([directory], 2), await memoryOf([directory], 1, 11)], [pages(zero, page('b')), page('a')]);
  t.same(filesOf(directory), ['pages-10.img', 'pages-11.img']);
});
