import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { MemoryDirectory } from '../io/directory.js';
import type { pagemap_entry } from '../gen/pagemap.js';
import { unpackCorpus } from '../testing/fixtures.js';
import { PE_LAZY, PE_PARENT, PE_PRESENT, decodePagemap, encodePagemap, pagemapOf, readPagemap, writePagemap } from './pagemap.js';

const rowsOf = (count: number) => Array.from({ length: count }, (_, i) => ({ vaddr: 0x7f00_0000_0000n + BigInt(i * 3) * 4096n, nrPages: 1 + (i % 300), flags: [PE_PRESENT, PE_PARENT, PE_PRESENT | PE_LAZY][i % 3]! }));

for (const count of [0, 1, 2, 255, 256, 5000]) {
  t.test(`${count} rows as columns and as messages`, (t) => {
    const directory = new MemoryDirectory();
    const set = new ImageSet(directory);
    const pagemap = pagemapOf(7, rowsOf(count));
    writePagemap(set, IMAGE_TYPES.pagemap, 1, pagemap);
    t.same(readPagemap(set, IMAGE_TYPES.pagemap, 1), pagemap);
    const asMessages = [{ pagesId: 7 }, ...rowsOf(count).map((row): pagemap_entry => ({ vaddr: row.vaddr, compatNrPages: 0, flags: row.flags, nrPages: BigInt(row.nrPages) }))];
    set.write(IMAGE_TYPES.shmemPagemap, 2, asMessages);
    const { files } = directory;
    t.same(files.get('pagemap-1.img'), files.get('pagemap-shmem-2.img'), 'the same bytes');
    t.end();
  });
}

const good = encodePagemap(pagemapOf(1, rowsOf(3)));
const changed = (change: (bytes: Uint8Array) => void): Uint8Array => {
  const bytes = good.slice();
  change(bytes);
  return bytes;
};

const rows: { name: string; bytes: Uint8Array; message: string | RegExp }[] = [
  { name: 'nothing', bytes: new Uint8Array(0), message: 'pagemap-1.img at byte 0: first word: 4 bytes are announced, 0 are there' },
  { name: 'another word', bytes: changed((b) => void (b[5] = 1)), message: /^pagemap-1.img at byte 4: the word is 0x56080125, a PAGEMAP image has 0x56084025/ },
  { name: 'no head', bytes: good.slice(0, 8), message: /size of pagemap_head/ },
  { name: 'a head without its field', bytes: Uint8Array.from([...good.slice(0, 8), 0, 0, 0, 0]), message: /required field pages_id of pagemap_head is missing/ },
  { name: 'the last row cut short', bytes: good.slice(0, -1), message: /^pagemap-1.img at byte \d+: pagemap_entry is cut short/ },
  { name: 'a row without its address', bytes: changed((b) => void (b[18] = 0x30)), message: 'pagemap-1.img at byte 14: pagemap_entry lacks a required field' },
];

for (const { name, bytes, message } of rows) {
  t.test(`corrupt: ${name}`, (t) => {
    t.throws(() => decodePagemap('pagemap-1.img', bytes), { code: 'image-corrupt', message });
    t.end();
  });
}

const corpus = unpackCorpus();
t.teardown(() => corpus[Symbol.dispose]());

t.test('every pagemap of the corpus', { skip: corpus.skip }, (t) => {
  let files = 0;
  const differing: string[] = [];
  for (const set of corpus.sets) {
    for (const name of readdirSync(path.join(corpus.path, set)).filter((name) => name.startsWith('pagemap-'))) {
      const bytes = new Uint8Array(readFileSync(path.join(corpus.path, set, name)));
      if (Buffer.compare(encodePagemap(decodePagemap(name, bytes)), bytes) !== 0) differing.push(`${set}/${name}`);
      files++;
    }
  }
  t.ok(files > 600, `${files} files`);
  t.same(differing, []);
  t.end();
});
