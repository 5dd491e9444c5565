import t from 'tap';
import { plainMemory, threadMemory } from '../memory.js';
import { PAGEMAP_BITS, openPagemapScan, plainScan } from './pagemap-scan.js';
import type { PageFilter } from './pagemap-scan.js';

const { present, swapped, softDirty, fileOrShared } = PAGEMAP_BITS;

/** A letter a page: p present, s swapped, f present and of a file, d present and dirty, z the zero page, . nothing. */
const WORDS: Readonly<Record<string, bigint>> = { p: present | 5n, s: swapped | 9n, f: present | fileOrShared | 6n, d: present | softDirty | 7n, z: present | 77n, '.': 0n };

const rows: { name: string; pages: string; filter: PageFilter; runs: [number, number][] }[] = [
  { name: 'no pages', pages: '', filter: { any: present }, runs: [] },
  { name: 'nothing there', pages: '....................', filter: { any: present }, runs: [] },
  { name: 'all there', pages: 'p'.repeat(100), filter: { all: present }, runs: [[0, 100]] },
  { name: 'no condition', pages: '.p.', filter: {}, runs: [[0, 3]] },
  { name: 'one at the end of many', pages: `${'.'.repeat(63)}p`, filter: { all: present }, runs: [[63, 1]] },
  { name: 'every other one', pages: 'p.p.p.p.p.p.', filter: { all: present }, runs: [[0, 1], [2, 1], [4, 1], [6, 1], [8, 1], [10, 1]] },
  { name: 'present or swapped', pages: 'pps..s', filter: { any: present | swapped }, runs: [[0, 3], [5, 1]] },
  { name: 'present or swapped, but not of a file', pages: 'pfs.ffp', filter: { inverted: fileOrShared, all: fileOrShared, any: present | swapped }, runs: [[0, 1], [2, 1], [6, 1]] },
  { name: 'dirty', pages: 'pdd.pd', filter: { all: present | softDirty }, runs: [[1, 2], [5, 1]] },
  { name: 'not the zero page', pages: 'pzzp', filter: { all: present, skipFrame: 77n }, runs: [[0, 1], [3, 1]] },
  { name: 'a swapped page whose slot looks like the zero page', pages: 's', filter: { any: swapped, skipFrame: 9n }, runs: [[0, 1]] },
  { name: 'over the borders of eights', pages: '......pppp......pppppppp........pp', filter: { all: present }, runs: [[6, 4], [16, 8], [32, 2]] },
];

const memories = { 'as WebAssembly': threadMemory(), 'without WebAssembly': plainMemory() };
t.ok(threadMemory().wasm, 'the tests run with WebAssembly');

for (const [way, memory] of Object.entries(memories)) {
  const scanner = openPagemapScan(memory);
  for (const { name, pages, filter, runs } of rows) {
    t.test(`${name}, ${way}`, (t) => {
      using words = memory.allocate(pages.length * 8);
      using found = memory.allocate(100 * 8);
      new BigUint64Array(memory.buffer, words.address, pages.length).set(Array.from(pages, (letter) => WORDS[letter]!));
      t.same(scanner.scan(words, pages.length, filter, found), { runs: runs.length, scanned: pages.length });
      t.same([...new Uint32Array(memory.buffer, found.address, runs.length * 2)], runs.flat());
      t.end();
    });
  }

  t.test(`goes on where the room for runs ended, ${way}`, (t) => {
    const pages = 'pp..p.ppp...........p.p';
    using words = memory.allocate(pages.length * 8);
    using found = memory.allocate(2 * 8);
    new BigUint64Array(memory.buffer, words.address, pages.length).set(Array.from(pages, (letter) => WORDS[letter]!));
    t.same(scanner.scan(words, pages.length, { all: present }, found), { runs: 2, scanned: 6 });
    t.same([...new Uint32Array(memory.buffer, found.address, 4)], [0, 2, 4, 1]);
    t.end();
  });

  t.test(`more pages than words, ${way}`, (t) => {
    using words = memory.allocate(8);
    using found = memory.allocate(8);
    t.throws(() => scanner.scan(words, 2, {}, found), { name: 'RangeError' });
    t.end();
  });
}

t.test('random words as the oracle says', (t) => {
  const memory = threadMemory();
  const scanner = openPagemapScan(memory);
  let state = 1n;
  const random = (): bigint => (state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n));
  for (let round = 0; round < 200; round++) {
    const pages = Number(random() >> 56n);
    const sparse = random() & random();
    using words = memory.allocate(pages * 8);
    using found = memory.allocate(pages * 8);
    const view = new BigUint64Array(memory.buffer, words.address, pages);
    for (let i = 0; i < pages; i++) view[i] = random() & (random() >> 62n === 0n ? sparse : 0xffff_ffff_ffff_ffffn);
    const filter: PageFilter = { inverted: random() & random() & random(), all: random() & random() & random() & random(), any: round % 3 ? random() : 0n, skipFrame: round % 5 ? 0n : view[0] === undefined ? 1n : view[0] & ((1n << 55n) - 1n) };
    const expected = new Uint32Array(pages * 2);
    const result = plainScan(view, filter, expected);
    t.same(scanner.scan(words, pages, filter, found), result);
    t.same(new Uint32Array(memory.buffer, found.address, result.runs * 2), expected.subarray(0, result.runs * 2));
  }
  t.end();
});
