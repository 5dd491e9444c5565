import { openMessageJson, threadMemory } from '@criu-ts/wasm';
import t from 'tap';
import { IMAGE_TYPES } from '../image-types.js';
import { ImageWriter } from '../image-writer.js';
import { MemorySink, MemorySource } from '../io/directory.js';
import { isRaw } from '../layout.js';
import type { ImageType } from '../layout.js';
import { Random } from '../testing/random.js';
import { randomMessage } from '../testing/random-message.js';
import { imageFromJson, imageFromText, imageToJson, imageToText } from './image-json.js';
import { parseJson, writeJson } from './json-text.js';
import { imageFromUsualText } from './usual-text.js';

t.ok(openMessageJson(threadMemory()), 'the tests run with WebAssembly');

/** As many entries of this kind as the quick way wants before it begins. */
function large(type: ImageType<unknown>, random: Random): Uint8Array {
  const sink = new MemorySink('x.img');
  const writer = new ImageWriter(type, sink);
  const { first, rest } = type.layout;
  if (first !== undefined) writer.write(randomMessage(first.message, random));
  const some = Array.from({ length: 40 }, () => randomMessage(rest.message, random));
  do {
    for (const entry of some) writer.write(entry);
    writer.flush();
  } while (sink.size < 20_000);
  return sink.bytes();
}

/** What comes of it: text, or what an error says. */
function outcome(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return `${(error as { code?: string }).code ?? 'no code'}: ${(error as Error).message}`;
  }
}

const join = (pieces: readonly Uint8Array[]): Buffer => Buffer.concat(pieces);
const source = (bytes: Uint8Array): MemorySource => new MemorySource('x.img', bytes);
const quick = (bytes: Uint8Array): string => outcome(() => [...imageToText(source(bytes))].join(''));
const general = (bytes: Uint8Array): string => outcome(() => writeJson(imageToJson(source(bytes))));
const generalBack = (text: Uint8Array): string =>
  outcome(() => {
    const sink = new MemorySink('image');
    imageFromJson(parseJson(new TextDecoder().decode(text)), sink);
    return Buffer.from(sink.bytes()).toString('hex');
  });
const quickBack = (text: Uint8Array): string => outcome(() => join(imageFromText(source(text))).toString('hex'));

const types = Object.values(IMAGE_TYPES).filter((type): type is ImageType<never> => !isRaw(type) && type.layout.rest.payload === undefined && type.layout.first?.payload === undefined);

t.test('every kind, as the general way has it', (t) => {
  let usual = 0;
  for (const type of types) {
    const random = new Random(type.kind.length * 1000 + type.words.at(-1)!);
    for (let round = 0; round < 3; round++) {
      const bytes = large(type, random);
      const text = quick(bytes);
      if (text !== general(bytes)) t.fail(`decode ${type.kind}, round ${round}`);
      const back = Buffer.from(text);
      if (quickBack(back) !== generalBack(back)) t.fail(`encode ${type.kind}, round ${round}`);
      if (imageFromUsualText(source(back)) !== undefined) usual++;
    }
  }
  t.ok(types.length > 60, `${types.length} kinds`);
  t.ok(usual > types.length * 2, `${usual} of ${types.length * 3} were usual`);
  t.end();
});

t.test('damaged images and JSON: the same text, or the same error', (t) => {
  const random = new Random(7);
  for (const name of ['pagemap', 'mm', 'core', 'files', 'pstree'] as const) {
    const type = IMAGE_TYPES[name] as ImageType<unknown>;
    for (let round = 0; round < 40; round++) {
      const bytes = large(type, random);
      const text = Buffer.from(general(bytes));
      for (const whole of [bytes, text]) {
        // Near the beginning, and once far behind it.
        for (let k = 0; k < 2; k++) whole[8 + random.below(k === 0 ? 300 : whole.length - 8)] = random.of([0, 1, 0x20, 0x22, 0x2c, 0x30, 0x5c, 0x7b, 0x7d, 0x80, 0xff, random.below(256)]);
      }
      const [a, b] = [quick(bytes), general(bytes)];
      if (a !== b) t.fail(`decode ${name}, round ${round}`);
      const [c, d] = [quickBack(text), generalBack(text)];
      if (c !== d) t.fail(`encode ${name}, round ${round}: ${c.slice(0, 100)} ${d.slice(0, 100)}`);
    }
  }
  t.pass();
  t.end();
});

const pagemap = (entries: string): Buffer => Buffer.from(`{"magic": "PAGEMAP", "entries": [{"pages_id": 1}, ${Array.from({ length: 700 }, () => entries).join(', ')}]}`);
const entry = '{"vaddr": 4096, "compat_nr_pages": 0, "nr_pages": 1}';
const unusual: { name: string; text: Buffer }[] = [
  { name: 'fields in another order', text: pagemap('{"compat_nr_pages": 0, "vaddr": 4096}') },
  { name: 'a field twice', text: pagemap('{"vaddr": 1, "vaddr": 4096, "compat_nr_pages": 0}') },
  { name: 'a fraction that is none', text: pagemap('{"vaddr": 4096.0, "compat_nr_pages": 0}') },
  { name: 'pretty numbers', text: pagemap('{"vaddr": "0x1000", "compat_nr_pages": 0, "flags": "PE_PRESENT"}') },
  { name: 'a leading zero', text: pagemap('{"vaddr": 04096, "compat_nr_pages": 0}') },
  { name: 'minus zero', text: pagemap('{"vaddr": -0, "compat_nr_pages": 0}') },
  { name: 'a number beyond 64 bits', text: pagemap('{"vaddr": 18446744073709551616, "compat_nr_pages": 0}') },
  { name: 'an unknown field', text: pagemap('{"vaddr": 1, "compat_nr_pages": 0, "x": 1}') },
  { name: 'a required field missing', text: pagemap('{"vaddr": 1}') },
  { name: 'two heads', text: pagemap('{"pages_id": 1}') },
  { name: 'a byte order mark', text: Buffer.concat([Buffer.from('\ufeff'), pagemap(entry)]) },
  { name: 'more keys behind the entries', text: Buffer.from(pagemap(entry).toString().replace(/\}$/, ', "more": 1}')) },
  { name: 'more behind the end', text: Buffer.concat([pagemap(entry), Buffer.from(' 1')]) },
  { name: 'no end', text: pagemap(entry).subarray(0, -1) },
  { name: 'a comma too many', text: pagemap(`${entry}, `) },
  { name: 'a comma too many behind a field', text: pagemap('{"vaddr": 4096, "compat_nr_pages": 0, }') },
  { name: 'a comma too few', text: pagemap('{"vaddr": 4096 "compat_nr_pages": 0}') },
  { name: 'a number beyond 32 bits', text: pagemap('{"vaddr": 4096, "compat_nr_pages": 4294967296}') },
  { name: 'a number where none is', text: pagemap('{"vaddr": , "compat_nr_pages": 0}') },
];
for (const { name, text } of unusual) {
  t.test(`left to the general way: ${name}`, (t) => {
    t.equal(imageFromUsualText(source(text)), undefined);
    t.equal(quickBack(text), generalBack(text));
    t.end();
  });
}

t.test('usual in spite of other white space, the largest numbers, entries longer than a window', (t) => {
  const rows = [pagemap('{"vaddr":18446744073709551615,"compat_nr_pages":4294967295}'), pagemap('\n{ "vaddr" : 1 ,\t"compat_nr_pages" : 0 }\r\n'), pagemap('{"vaddr": 12345678, "compat_nr_pages": 0,  "nr_pages": 7 }')];
  const mm = { ...(randomMessage(IMAGE_TYPES.mm.layout.rest.message, new Random(3)) as { vmas: object[] }) };
  mm.vmas = Array.from({ length: 40_000 }, (_, i) => ({ start: BigInt(i), end: 2n ** 47n, pgoff: 0n, shmid: 0n, prot: 3, flags: 2, status: 1, fd: -1n, anonName: 'x'.repeat(i % 60) }));
  const sink = new MemorySink('mm-1.img');
  const writer = new ImageWriter(IMAGE_TYPES.mm as ImageType<unknown>, sink);
  writer.write(mm);
  writer.flush();
  const bytes = sink.bytes();
  t.equal(quick(bytes), general(bytes));
  rows.push(Buffer.from(quick(bytes)));
  for (const text of rows) {
    t.ok(imageFromUsualText(source(text)));
    t.equal(quickBack(text), generalBack(text));
  }
  t.end();
});
