import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { imageTypeOfName } from './image-types.js';
import { ImageReader } from './image-reader.js';
import { ImageWriter } from './image-writer.js';
import { MemorySink, MemorySource } from './io/directory.js';
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
