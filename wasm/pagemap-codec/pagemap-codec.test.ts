import t from 'tap';
import { plainMemory, threadMemory } from '../memory.js';
import { openPagemapCodec } from './pagemap-codec.js';
import type { PagemapColumns } from './columns.js';
import { plainDecode, plainEncode } from './plain.js';

const columns = (...rows: [bigint, number, number][]): PagemapColumns => ({
  vaddr: BigUint64Array.from(rows, (row) => row[0]),
  nrPages: Uint32Array.from(rows, (row) => row[1]),
  flags: Uint32Array.from(rows, (row) => row[2]),
});

/** An entry with its size word. */
const entry = (...bytes: number[]): number[] => [bytes.length, 0, 0, 0, ...bytes];

const memories = { 'as WebAssembly': threadMemory(), 'without WebAssembly': plainMemory() };
t.ok(threadMemory().wasm, 'the tests run with WebAssembly');

const both: { name: string; columns: PagemapColumns; bytes: number[] }[] = [
  { name: 'none', columns: columns(), bytes: [] },
  { name: 'one', columns: columns([0x1000n, 2, 4]), bytes: entry(0x08, 0x80, 0x20, 0x10, 0, 0x20, 4, 0x28, 2) },
  { name: 'the largest numbers', columns: columns([0xffff_ffff_ffff_ffffn, 0xffff_ffff, 0xffff_ffff]), bytes: entry(0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x10, 0, 0x20, 255, 255, 255, 255, 15, 0x28, 255, 255, 255, 255, 15) },
  { name: 'two', columns: columns([0n, 1, 1], [1n, 300, 0]), bytes: [...entry(0x08, 0, 0x10, 0, 0x20, 1, 0x28, 1), ...entry(0x08, 1, 0x10, 0, 0x20, 0, 0x28, 0xac, 2)] },
];

const readOnly: { name: string; bytes: number[]; columns: PagemapColumns; status: string; consumed?: number }[] = [
  { name: 'before nr_pages: compat_nr_pages', bytes: entry(0x08, 1, 0x10, 7, 0x20, 4), columns: columns([1n, 7, 4]), status: 'done' },
  { name: 'before flags: present', bytes: entry(0x08, 1, 0x10, 7), columns: columns([1n, 7, 4]), status: 'done' },
  { name: 'before flags: in the parent', bytes: entry(0x08, 1, 0x10, 7, 0x18, 1), columns: columns([1n, 7, 1]), status: 'done' },
  { name: 'in_parent false and no flags', bytes: entry(0x08, 1, 0x10, 7, 0x18, 0), columns: columns([1n, 7, 4]), status: 'done' },
  { name: 'in_parent and flags', bytes: entry(0x08, 1, 0x10, 7, 0x18, 1, 0x20, 2), columns: columns([1n, 7, 3]), status: 'done' },
  { name: 'nr_pages before compat_nr_pages, and unknown fields', bytes: entry(0x28, 3, 0x30, 0x80, 1, 0x3a, 1, 9, 0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0x4d, 1, 2, 3, 4, 0x10, 9, 0x08, 5), columns: columns([5n, 3, 4]), status: 'done' },
  { name: 'a second entry cut short', bytes: [...entry(0x08, 1, 0x10, 7), 9, 0, 0, 0, 1], columns: columns([1n, 7, 4]), status: 'cut-short', consumed: 8 },
  { name: 'half a size', bytes: [1, 0], columns: columns(), status: 'cut-short', consumed: 0 },
  { name: 'a size near 2^32', bytes: [255, 255, 255, 255, 8, 1], columns: columns(), status: 'cut-short', consumed: 0 },
  { name: 'a number cut short', bytes: entry(0x08, 0x80), columns: columns(), status: 'cut-short', consumed: 0 },
  { name: 'a number too long', bytes: entry(0x08, ...new Array<number>(10).fill(0x80), 1), columns: columns(), status: 'bad-number', consumed: 0 },
  { name: 'no vaddr', bytes: entry(0x10, 1, 0x28, 1), columns: columns(), status: 'missing-field', consumed: 0 },
  { name: 'no compat_nr_pages', bytes: entry(0x08, 1, 0x28, 1), columns: columns(), status: 'missing-field', consumed: 0 },
  { name: 'an empty entry', bytes: entry(), columns: columns(), status: 'missing-field', consumed: 0 },
  { name: 'a string', bytes: entry(0x0a, 1, 0, 0x10, 1), columns: columns(), status: 'bad-wire-type', consumed: 0 },
  { name: 'a group', bytes: entry(0x08, 1, 0x10, 1, 0x33), columns: columns(), status: 'bad-wire-type', consumed: 0 },
  { name: 'field 0', bytes: entry(0x00, 1), columns: columns(), status: 'bad-field', consumed: 0 },
  { name: 'an unknown field beyond the entry', bytes: [...entry(0x08, 1, 0x10, 1, 0x3a, 5), 1, 2, 3, 4, 5], columns: columns(), status: 'cut-short', consumed: 0 },
  { name: '2^32 pages', bytes: entry(0x08, 1, 0x10, 0, 0x28, 0x80, 0x80, 0x80, 0x80, 0x10), columns: columns(), status: 'too-many-pages', consumed: 0 },
];

for (const [way, memory] of Object.entries(memories)) {
  const codec = openPagemapCodec(memory);
  for (const row of both) {
    t.test(`there and back: ${row.name}, ${way}`, (t) => {
      const bytes = Uint8Array.from(row.bytes);
      t.same(codec.encode(row.columns), bytes);
      t.same(codec.decode(bytes), { ...row.columns, consumed: bytes.length, status: 'done' });
      t.end();
    });
  }
  for (const row of readOnly) {
    t.test(`read: ${row.name}, ${way}`, (t) => {
      t.same(codec.decode(Uint8Array.from(row.bytes)), { ...row.columns, consumed: row.consumed ?? row.bytes.length, status: row.status });
      t.end();
    });
  }
  t.test(`columns of different lengths, ${way}`, (t) => {
    t.throws(() => codec.encode({ ...columns([1n, 1, 1]), flags: new Uint32Array(2) }), { name: 'RangeError' });
    t.end();
  });
}

t.test('random columns and damaged bytes as the oracle says', (t) => {
  const codec = openPagemapCodec(threadMemory());
  let state = 7;
  const random = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
  for (let round = 0; round < 300; round++) {
    const rows = Array.from({ length: random() % 40 }, (): [bigint, number, number] => [(BigInt(random()) << 32n) | BigInt(random()), random() >>> (random() % 32), random() >>> 28]);
    const bytes = codec.encode(columns(...rows));
    t.same(bytes, plainEncode(columns(...rows)));
    if (bytes.length === 0) continue;
    for (let k = 0; k < 3; k++) bytes[random() % bytes.length] = random() >>> 24;
    t.same(codec.decode(bytes), plainDecode(bytes), `round ${round}`);
  }
  t.end();
});
