import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { openCheckpoint } from './checkpoint/open.js';
import { fd_types } from './gen/index.js';
import { ImageSet } from './image-set.js';
import { IMAGE_TYPES } from './image-types.js';
import { MemorySink, MemorySource } from './io/directory.js';
import { imageFromJson, imageToJson } from './json/image-json.js';
import { parseJson, writeJson } from './json/json-text.js';
import { VMA } from './memory/vma-bits.js';
import { PE_PRESENT, readPagemap } from './pagemap/pagemap.js';
import { reportOf } from './report/report.js';
import { bigEndianImage, bigEndianSet } from './testing/big-endian.js';
import { unpackCorpus } from './testing/fixtures.js';
import { fown, page, pages, tinySet, vma } from './testing/tiny-set.js';
import { verifyCheckpoint } from './verify/verify.js';

// CRIU writes words and sizes in its machine's byte order: on s390x, the other way round. Messages are the same everywhere.

const sk = { family: 2, type: 2, proto: 17, flags: 2, backlog: 5, fown, moreOptions: [], multicast: [], opts: { soSndbuf: 1, soRcvbuf: 1, soSndTmoSec: 0n, soSndTmoUsec: 0n, soRcvTmoSec: 0n, soRcvTmoUsec: 0n } as never };
/** With an address whose words are as a big-endian machine reads them. */
const sample = (): ReturnType<typeof tinySet> =>
  tinySet([{ pid: 10, comm: 'saved', vmas: [vma(0, 3, VMA.anonPrivate)], rows: [[0, 1, PE_PRESENT], [2, 1, PE_PRESENT]], contents: pages(page('a'), page('b')), fds: [{ fd: 3, id: 5, type: fd_types.INETSK }] }], [
    { id: 5, type: fd_types.INETSK, isk: { ...sk, id: 5, ino: 77, state: 1, srcPort: 80, dstPort: 99, srcAddr: [0x7f00_0001], dstAddr: [0x0a01_0203] } },
  ]);

t.test('words and sizes', (t) => {
  const set = bigEndianSet(sample());
  t.same([...set.files.get('fs-10.img')!.subarray(0, 12)], [0x54, 0x56, 0x43, 0x19, 0x51, 0x40, 0x39, 0x12, 0, 0, 0, 4]);
  const images = new ImageSet(set);
  t.match(images.readOne(IMAGE_TYPES.fs, 10), { cwdId: 2, rootId: 2 });
  const { pagesId, vaddr, nrPages } = readPagemap(images, IMAGE_TYPES.pagemap, 10);
  t.same([pagesId, [...vaddr], [...nrPages]], [10, [0x10_0000n, 0x10_2000n], [1, 1]], 'a pagemap');
  t.throws(() => imageToJson(new MemorySource('fs-10.img', set.files.get('fs-10.img')!.subarray(0, 11))), { code: 'image-corrupt', message: /fs-10.img at byte 8/ });
  t.end();
});

t.test('payloads with words in them', (t) => {
  const desc = '{"key": 1, "uid": 0, "gid": 0, "cuid": 0, "cgid": 0, "mode": 0, "id": 1}';
  for (const json of [
    `{"magic": "IPCNS_SEM", "byteOrder": "big", "entries": [{"desc": ${desc}, "nsems": 3, "extra": [1, 513, 65535]}]}`,
    `{"magic": "IPCNS_MSG", "byteOrder": "big", "entries": [{"desc": ${desc}, "qbytes": 9, "qnum": 2, "extra": [{"mtype": 1, "msize": 3}, "YWJj\\n", {"mtype": 2, "msize": 1}, "eA==\\n"]}]}`,
  ]) {
    const sink = new MemorySink('image');
    imageFromJson(parseJson(json), sink);
    t.equal(writeJson(imageToJson(new MemorySource('image', sink.bytes()))), json);
    if (json.includes('SEM')) t.same([...sink.bytes().subarray(-8)], [0, 1, 2, 1, 0xff, 0xff, 0, 0]);
  }
  t.throws(() => imageFromJson(parseJson('{"magic": "FS", "byteOrder": "middle", "entries": []}'), new MemorySink('x')), { message: /byteOrder: it is "big"/ });
  t.end();
});

t.test('a checkpoint', async (t) => {
  using checkpoint = await openCheckpoint(bigEndianSet(sample()));
  t.same(await verifyCheckpoint(checkpoint), [], 'whole');
  const report = await reportOf(checkpoint);
  t.same(report.problems, []);
  t.match(report.processes, [{ name: 'saved', memory: { dumped: 8192 }, descriptors: [{ name: '127.0.0.1:80 ↔ 10.1.2.3:99' }] }]);
  t.match(report.sockets, [{ local: '127.0.0.1:80', remote: '10.1.2.3:99' }]);
});

t.test('pretty JSON: addresses read the right way, and come back', (t) => {
  const bytes = bigEndianSet(sample()).files.get('files.img')!;
  const text = writeJson(imageToJson(new MemorySource('files.img', bytes), { pretty: true }), 4);
  t.match(text, /"src_addr": \[\s+"127\.0\.0\.1"/);
  const sink = new MemorySink('files.img');
  imageFromJson(parseJson(text), sink);
  t.same(sink.bytes(), bytes);
  t.end();
});

const corpus = unpackCorpus();
t.teardown(() => corpus[Symbol.dispose]());
t.test('every image of the corpus, turned: the same JSON, and back to the same bytes', { skip: corpus.skip }, (t) => {
  const differing: string[] = [];
  let files = 0;
  // Every fifth set: there is one of each kind among them all the same.
  for (const set of corpus.sets.filter((_, i) => i % 5 === 0)) {
    for (const name of readdirSync(path.join(corpus.path, set))) {
      const bytes = readFileSync(path.join(corpus.path, set, name));
      const turned = bigEndianImage(name, bytes);
      if (turned === bytes) continue;
      files++;
      const json = imageToJson(new MemorySource(name, turned));
      const sink = new MemorySink(name);
      imageFromJson(json, sink);
      const { byteOrder, ...rest } = json;
      if (byteOrder !== 'big' || !Buffer.from(turned).equals(sink.bytes()) || writeJson(rest) !== writeJson(imageToJson(new MemorySource(name, bytes)))) differing.push(`${set}/${name}`);
    }
  }
  t.same(differing, []);
  t.ok(files > 1000, `${files} files`);
  t.end();
});
