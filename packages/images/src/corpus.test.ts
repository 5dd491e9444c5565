import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { imageTypeOfName } from './image-types.js';
import { ImageReader } from './image-reader.js';
import { ImageWriter } from './image-writer.js';
import { MemorySink, MemorySource } from './io/directory.js';
import { imageFromJson, imageToJson, imageToText } from './json/image-json.js';
import { parseJson, writeJson } from './json/json-text.js';
import type { JsonObject } from './json/json-text.js';
import { isRaw } from './layout.js';
import { unpackCorpus } from './testing/fixtures.js';

const corpus = unpackCorpus();
t.teardown(() => corpus[Symbol.dispose]());

t.test('every image of the corpus comes back byte for byte', { skip: corpus.skip }, (t) => {
  let files = 0;
  const differing: string[] = [];
  const unknown: string[] = [];
  for (const set of corpus.sets) {
    for (const name of readdirSync(path.join(corpus.path, set))) {
      const found = imageTypeOfName(name);
      if (found === undefined) unknown.push(`${set}/${name}`);
      if (found === undefined || isRaw(found.type)) continue;
      const bytes = readFileSync(path.join(corpus.path, set, name));
      const entries = [...new ImageReader(found.type, new MemorySource(name, bytes)).entries()];
      const sink = new MemorySink(name);
      const writer = new ImageWriter(found.type, sink);
      for (const entry of entries) writer.write(entry);
      writer.flush();
      files++;
      if (!bytes.equals(sink.bytes())) differing.push(`${set}/${name}`);
    }
  }
  t.equal(corpus.sets.length, 189);
  t.ok(files > 5000, `${files} files`);
  t.same(unknown, []);
  t.same(differing, []);
  t.end();
});

/** `crit` gives the images of a set a name each; both sides are compared as text, so that 64-bit numbers count in full. */
t.test('every image of the corpus is shown as crit shows it', { skip: corpus.skip }, (t) => {
  let files = 0;
  const differing: string[] = [];
  const missing: string[] = [];
  for (const set of corpus.sets) {
    const reference = parseJson(readFileSync(path.join(corpus.path, `${set}.json`), 'utf8')) as JsonObject;
    const names = new Set(readdirSync(path.join(corpus.path, set)));
    for (const [name, expected] of Object.entries(reference)) {
      if (!names.has(name)) {
        missing.push(`${set}/${name}`);
        continue;
      }
      const shown = imageToJson(new MemorySource(name, readFileSync(path.join(corpus.path, set, name))));
      if (writeJson(shown) !== writeJson(expected)) differing.push(`${set}/${name}`);
      files++;
    }
  }
  t.ok(files > 5000, `${files} files`);
  t.same(differing, []);
  t.same(missing, []);
  t.end();
});

for (const pretty of [false, true]) {
  t.test(`every image of the corpus comes back through ${pretty ? 'pretty ' : ''}JSON text`, { skip: corpus.skip }, (t) => {
    let files = 0;
    const differing: string[] = [];
    for (const set of corpus.sets) {
      for (const name of readdirSync(path.join(corpus.path, set))) {
        const bytes = readFileSync(path.join(corpus.path, set, name));
        const text = writeJson(imageToJson(new MemorySource(name, bytes), { pretty }), pretty ? 4 : undefined);
        if ([...imageToText(new MemorySource(name, bytes), { pretty }, pretty ? 4 : undefined)].join('') !== text) t.fail(`${set}/${name} in pieces`);
        const sink = new MemorySink(name);
        imageFromJson(parseJson(text), sink);
        files++;
        if (!bytes.equals(sink.bytes())) differing.push(`${set}/${name}`);
      }
    }
    t.ok(files > 7000, `${files} files`);
    t.same(differing, []);
    t.end();
  });
}

t.test('raw images of the corpus are typed, but for those that no form would bring back', { skip: corpus.skip }, (t) => {
  const counts = new Map<string, { typed: number; raw: number }>();
  for (const set of corpus.sets) {
    for (const name of readdirSync(path.join(corpus.path, set))) {
      const found = imageTypeOfName(name);
      if (found === undefined || !isRaw(found.type)) continue;
      const json = imageToJson(new MemorySource(name, readFileSync(path.join(corpus.path, set, name))));
      const count = counts.get(found.type.kind) ?? { typed: 0, raw: 0 };
      const untyped = json.raw !== undefined || (json.messages as JsonObject[] | undefined)?.some((message) => 'bytes' in message) === true;
      counts.set(found.type.kind, untyped ? { ...count, raw: count.raw + 1 } : { ...count, typed: count.typed + 1 });
    }
  }
  for (const kind of ['IFADDR', 'ROUTE', 'ROUTE6', 'RULE', 'NFTABLES', 'IPTABLES', 'IP6TABLES']) t.same(counts.get(kind), { typed: 187, raw: 0 }, kind);
  t.end();
});

t.test('damaged images of the corpus are shown, or refused as corrupt', { skip: corpus.skip }, (t) => {
  let state = 42;
  const random = (below: number): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
  const files = corpus.sets.flatMap((set) => readdirSync(path.join(corpus.path, set)).map((name) => path.join(set, name)));
  let refused = 0;
  for (let round = 0; round < 4000; round++) {
    const file = files[random(files.length)]!;
    let bytes = readFileSync(path.join(corpus.path, file));
    if (bytes.length > 20_000 || bytes.length === 0) continue;
    for (let i = random(4); i >= 0; i--) bytes[random(bytes.length)] = random(256);
    if (random(3) === 0) bytes = bytes.subarray(0, random(bytes.length));
    try {
      writeJson(imageToJson(new MemorySource(path.basename(file), bytes), { pretty: round % 2 === 0 }));
    } catch (error) {
      if ((error as { code?: string }).code !== 'image-corrupt') t.fail(`${file}, round ${round}: ${String(error)}`);
      refused++;
    }
  }
  t.ok(refused > 500, `${refused} refused`);
  t.end();
});
