import t from 'tap';
import type { ImageFiles } from '../checkpoint/image-files.js';
import { directoryFiles } from '../checkpoint/directory-files.js';
import { openCheckpoint } from '../checkpoint/open.js';
import { ImageSet } from '../image-set.js';
import type { MemoryDirectory } from '../io/directory.js';
import { PE_LAZY, PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import { compressPages } from '../pages/compress.js';
import { searchCheckpoint, stringsIn } from '../search/search.js';
import { PAGE, at, page, pages, tinySet, vma, writePages } from '../testing/tiny-set.js';
import { VMA } from './vma-bits.js';

const anon = VMA.anonPrivate;

/** A set whose parent is another one; the last one's may be itself. */
function chained(...sets: readonly MemoryDirectory[]): ImageFiles {
  const files: ImageFiles[] = sets.map((set, i) => ({ ...directoryFiles(set, `set ${i}`), parent: async () => files[i + 1] }));
  return files[0]!;
}

t.test('every page is where it was said to be', async (t) => {
  const set = tinySet([
    {
      pid: 10,
      vmas: [vma(0, 4, anon), vma(4, 2, VMA.filePrivate, { shmid: 1n }), vma(8, 4, VMA.anonShared, { shmid: 77n, pgoff: BigInt(PAGE), flags: 0x21 }), vma(20, 1, VMA.vvar)],
      rows: [[0, 1, PE_PRESENT], [1, 1, 0], [2, 1, PE_LAZY], [5, 1, PE_PRESENT]],
      contents: pages(page('a'), page('f')),
    },
  ]);
  writePages(new ImageSet(set), 'shmemPagemap', 77, 5, [[0n, 1, PE_PRESENT], [BigInt(2 * PAGE), 2, PE_PRESENT]], pages(page('0'), page('2'), page('3')));
  using checkpoint = await openCheckpoint(set);
  const memory = await (await checkpoint.process(10)).memory();
  const found: [number, number, string, string][] = [];
  for await (const piece of memory.pieces(at(0), at(22))) found.push([Number(piece.address - at(0)) / PAGE, piece.length / PAGE, piece.source, String.fromCharCode(...(await piece.read()).subarray(0, 1))]);
  t.same(found, [
    [0, 1, 'images', 'a'],
    [1, 1, 'zero', ''],
    [2, 1, 'lazy', ''],
    [3, 1, 'zero', ''],
    [4, 1, 'file', ''],
    [5, 1, 'images', 'f'],
    [6, 2, 'unmapped', ''],
    // The mapping begins at the segment's second page, which was never written.
    [8, 1, 'zero', ''],
    [9, 2, 'images', '2'],
    [11, 1, 'zero', ''],
    [12, 8, 'unmapped', ''],
    [20, 1, 'kernel', ''],
    [21, 1, 'unmapped', ''],
  ]);
  t.same(await memory.read(at(1) - 2n, 4), new Uint8Array([0x61, 0x61, 0, 0]), 'across pages');
  t.equal(memory.regionAt(at(4))?.name, '/bin/prog');
  t.equal(memory.regionAt(at(6)), undefined);
  await t.rejects(memory.read(at(2), 1), { code: 'memory-unavailable', message: /0x102000: it was left with the page server/ });
  await t.rejects(memory.read(at(4), 1), { message: /as in \/bin\/prog, which the images don't hold/ });
  await t.rejects(memory.read(at(6) - 1n, 2), { message: /nothing is mapped there/ });
});

t.test('pages of parents', async (t) => {
  const child = tinySet([{ pid: 10, vmas: [vma(0, 5, anon)], rows: [[0, 3, PE_PARENT], [3, 1, PE_PRESENT], [4, 1, PE_PARENT]], contents: pages(page('c')) }]);
  const parent = tinySet([{ pid: 10, vmas: [], rows: [[0, 1, PE_PRESENT], [1, 2, PE_PARENT]], contents: pages(page('p')) }]);
  // The oldest has nothing of page 4: deduplication never removes what a child needs, damage does.
  const oldest = tinySet([{ pid: 10, vmas: [], rows: [[0, 4, PE_PRESENT]], contents: pages(page('0'), page('1'), page('2'), page('3')) }]);
  using checkpoint = await openCheckpoint(chained(child, parent, oldest));
  t.equal((await checkpoint.chain()).length, 3);
  const memory = await (await checkpoint.process(10)).memory();
  const letters = [];
  for (const n of [0, 1, 2, 3]) letters.push(String.fromCharCode((await memory.read(at(n), 1))[0]!));
  t.same(letters, ['p', '1', '2', 'c']);
  await t.rejects(memory.read(at(4), 1), { message: /the parent that should have it does not/ });
});

t.test('parents in a circle, and too many', async (t) => {
  const set = tinySet([{ pid: 10 }]);
  const files: ImageFiles = { ...directoryFiles(set, 'itself'), parent: async () => files };
  using checkpoint = await openCheckpoint(files);
  await t.rejects(checkpoint.chain(), { code: 'image-corrupt', message: /circle, back to itself/ });
  const endless = (n: number): ImageFiles => ({ ...directoryFiles(set, `set ${n}`), parent: async () => endless(n + 1) });
  using deep = await openCheckpoint(endless(0), { limits: { parents: 20 } });
  await t.rejects(deep.chain(), { code: 'image-corrupt', message: /more than 20 parents/ });
});

const damaged: { name: string; rows: [number, number, number][]; contents?: Uint8Array; error: RegExp }[] = [
  { name: 'rows overlap', rows: [[0, 2, PE_PRESENT], [1, 1, PE_PRESENT]], error: /pagemap-10.img: row 1 \(0x101000\) overlaps/ },
  { name: 'rows are out of order', rows: [[3, 1, PE_PRESENT], [1, 1, PE_PRESENT]], error: /overlaps the row before/ },
  { name: 'pages are cut short', rows: [[0, 4, PE_PRESENT]], contents: page('a'), error: /pages-10.img at byte 4096/ },
  { name: 'far more pages than there are', rows: [[0, 0xffff_ffff, PE_PRESENT]], contents: page('a'), error: /pages-10.img at byte 4096/ },
];
for (const { name, rows, contents, error } of damaged) {
  t.test(`damaged: ${name}`, async (t) => {
    using checkpoint = await openCheckpoint(tinySet([{ pid: 10, vmas: [vma(0, 4, anon)], rows, ...(contents && { contents }) }]));
    await t.rejects(async () => (await (await checkpoint.process(10)).memory()).read(at(0), 4 * PAGE), { code: 'image-corrupt', message: error });
  });
}

for (const options of [{ compress: 'lz4' }, { compress: 'lz4', checksum: true }, { checksum: true }] as const) {
  t.test(`pages with ${JSON.stringify(options)}`, async (t) => {
    // Four blocks and a part; every page has a number of its own, and noise that LZ4 can't shrink in every other block.
    const count = 70;
    let state = 1;
    const noise = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24;
    const all = Array.from({ length: count }, (_, i) => page('x').map((byte, j) => (j === 0 ? i : (i >> 4) % 2 ? noise() : byte)));
    const set = tinySet([{ pid: 10, vmas: [vma(0, count, anon)], rows: [[0, count, PE_PRESENT]], contents: pages(...all) }]);
    await compressPages(set, 10, options);
    t.equal(set.has('pages-10.img'), !('compress' in options));
    using checkpoint = await openCheckpoint(set);
    const memory = await (await checkpoint.process(10)).memory();
    for (const [first, length] of [[0, count * PAGE], [15 * PAGE + 100, 2 * PAGE], [69 * PAGE, PAGE], [3, 1]] as const) t.same(await memory.read(at(0) + BigInt(first), length), pages(...all).slice(first, first + length), `${first}, ${length}`);
    const name = 'compress' in options ? 'pages-10.lz4' : 'pages-10.img';
    const bytes = set.files.get(name)!.slice();
    bytes[40]! ^= 1;
    set.files.set(name, bytes);
    using again = await openCheckpoint(set);
    if ('checksum' in options) await t.rejects((await (await again.process(10)).memory()).read(at(0), 1), { code: 'image-corrupt', message: /block 0 .* its checksum is wrong/ });
  });
}

t.test('search: bytes, text, regular expressions, strings', async (t) => {
  const count = 600;
  const contents = new Uint8Array(count * PAGE);
  const put = (offset: number, text: string): void => contents.set(new TextEncoder().encode(text), offset);
  // Pieces are of 1 MiB: across the border between two, at the beginning, at the end.
  for (const offset of [0, 1024 * 1024 - 5, count * PAGE - 10]) put(offset, 'needle-123');
  put(5000, 'käse');
  const set = tinySet([
    { pid: 10, vmas: [vma(0, count, anon)], rows: [[0, count, PE_PRESENT]], contents },
    { pid: 11, ppid: 10, vmas: [vma(0, 3, anon)], rows: [[0, 1, PE_PRESENT], [2, 1, PE_PRESENT]], contents: pages(page('n'), page('e')) },
  ]);
  using checkpoint = await openCheckpoint(set);
  const all = async (pattern: Uint8Array | string | RegExp, pids?: number[]): Promise<unknown[]> => {
    const found = [];
    for await (const { pid, address, bytes } of searchCheckpoint(checkpoint, pattern, { pids })) found.push([pid, Number(address - at(0)), new TextDecoder().decode(bytes)]);
    return found;
  };
  const places = [0, 1024 * 1024 - 5, count * PAGE - 10].map((offset) => [10, offset, 'needle-123']);
  t.same(await all('needle-123'), places);
  t.same(await all(new TextEncoder().encode('needle-123')), places);
  t.same(await all(/n[del]+-\d{3}/), places);
  t.same(await all('käse'), [[10, 5000, 'käse']]);
  t.same(await all('ne', [11]), [], 'nothing across a hole');
  t.equal((await all('nn', [11])).length, PAGE - 1, 'overlapping');
  t.equal((await all(/n{4096}/, [11])).length, 1);
  t.same(await all(/x*/), [], 'nothing is no match');
  await t.rejects(all(''), TypeError);
  const aborted = AbortSignal.abort(new Error('enough'));
  await t.rejects(async () => {
    for await (const match of searchCheckpoint(checkpoint, 'x', { signal: aborted })) t.fail(String(match.address));
  }, { message: 'enough' });
  const strings = [];
  for await (const { text } of stringsIn(await (await checkpoint.process(10)).memory(), 10)) strings.push(text);
  t.same(strings, ['needle-123', 'needle-123', 'needle-123']);
});

t.test('arguments and environment', async (t) => {
  const contents = new Uint8Array(PAGE);
  contents.set(new TextEncoder().encode('./prog\0a b\0\0A=1\0B=\0'));
  const mm = { mmArgStart: at(0), mmArgEnd: at(0) + 12n, mmEnvStart: at(0) + 12n, mmEnvEnd: at(0) + 19n };
  using checkpoint = await openCheckpoint(tinySet([{ pid: 10, vmas: [vma(0, 1, anon)], rows: [[0, 1, PE_PRESENT]], contents, mm }]));
  const process = await checkpoint.process(10);
  t.same(await process.args(), ['./prog', 'a b']);
  t.same(await process.environment(), ['A=1', 'B=']);
  using hostile = await openCheckpoint(tinySet([{ pid: 10, mm: { mmArgStart: 5n, mmArgEnd: 1n << 60n } }]));
  await t.rejects(async () => (await hostile.process(10)).args(), { code: 'image-corrupt' });
});
