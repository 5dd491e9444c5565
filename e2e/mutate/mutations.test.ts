import t from 'tap';
import { IMAGE_TYPES, ImageSet, MemoryDirectory } from '@criu-ts/images';
import { mutate } from './mutations.js';
import { randomFor } from './random.js';

const directory = new MemoryDirectory();
new ImageSet(directory).write(IMAGE_TYPES.pstree, undefined, [
  { pid: 4, ppid: 0, pgid: 4, sid: 4, threads: [4, 5] },
  { pid: 6, ppid: 4, pgid: 4, sid: 4, threads: [6] },
]);
const files = new Map([...directory.files, ['pages-1.img', new Uint8Array(4096)]]);

t.test('a seed and an index decide what is mutated', async (t) => {
  for (const index of [0, 1, 77]) t.same(mutate(randomFor(7, index), files, [files]), mutate(randomFor(7, index), files, [files]), `set ${index}`);
  t.not(mutate(randomFor(7, 1), files, []).what, mutate(randomFor(8, 1), files, []).what, 'another seed, another mutation');
});

t.test('every mutation changes something, and all kinds come up', async (t) => {
  const kinds = new Set<string>();
  const original = [...files.values()].map((bytes) => Buffer.from(bytes).toString('hex')).join();
  let unchanged = 0;
  for (let index = 0; index < 2000; index++) {
    const { what, changes } = mutate(randomFor(1, index), files, [files]);
    if (changes.size === 0) t.fail(`set ${index} is as it was: ${what}`);
    if ([...changes].every(([name, bytes]) => bytes !== undefined && Buffer.compare(bytes, files.get(name) ?? new Uint8Array()) === 0)) unchanged++;
    for (const kind of [/bytes at/, /becomes/, /removed/, /is there twice/, /the size/, /cut to/, /more/, /other words/, /missing/, /change places/, /taken from/, /emptied|reversed/, /;/]) if (kind.test(what)) kinds.add(kind.source);
  }
  t.equal(kinds.size, 13, [...kinds].join(' '));
  t.ok(unchanged < 300, `${unchanged} of 2000 are as they were (a byte set to what it was, a file swapped with itself)`);
  t.equal([...files.values()].map((bytes) => Buffer.from(bytes).toString('hex')).join(), original, 'the originals stay as they are');
});
