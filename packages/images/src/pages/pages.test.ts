import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { MemoryDirectory } from '../io/directory.js';
import type { ByteSink } from '../io/directory.js';
import { NodeDirectory } from '../io/node-directory.js';
import { compressPages } from './compress.js';
import type { CompressOptions } from './compress.js';
import { BLOCK } from './format.js';
import { openPages } from './page-reader.js';

/** Pages of zeroes, of text and of noise, the same every time. */
function somePages(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let page = 0; page * 4096 < length; page++) {
    const end = Math.min(length, (page + 1) * 4096);
    for (let at = page * 4096; at < end; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[at] = page % 40 < 20 ? state >>> 24 : page % 3 ? 0 : at % 61;
    }
  }
  return bytes;
}

const sizes = [0, 4096, BLOCK, BLOCK + 4096, 5 * BLOCK, 40 * BLOCK + 8192];
const ways: { name: string; options: CompressOptions; files: string[] }[] = [
  { name: 'plain', options: {}, files: ['pages-3.img'] },
  { name: 'checksums', options: { checksum: true }, files: ['pages-3.crc', 'pages-3.img'] },
  { name: 'lz4', options: { compress: 'lz4' }, files: ['pages-3.lz4'] },
  { name: 'lz4 and checksums', options: { compress: 'lz4', checksum: true }, files: ['pages-3.lz4'] },
];

for (const { name, options, files } of ways) {
  for (const size of sizes) {
    t.test(`${name}: ${size} bytes`, async (t) => {
      const pages = somePages(size);
      const directory = new MemoryDirectory([['pages-3.img', pages]]);
      const result = await compressPages(directory, 3, options);
      t.same(directory.list(), files);
      t.same(result, { size, stored: directory.files.get(files.at(-1)!)!.length });
      using reader = openPages(directory, 3);
      t.equal(reader.size, size);
      t.equal(reader.plainFile, options.compress ? undefined : 'pages-3.img');
      t.equal(reader.checksummed, options.checksum === true);
      const parts: [number, number][] = [[0, size], [0, 0], [0, 4096], [BLOCK - 4096, 8192], [4096, 4096], [8192, 20 * BLOCK], [size - 4096, 4096], [BLOCK * 3 + 1, 1]];
      for (const [offset, length] of parts.filter(([offset, length]) => offset >= 0 && offset + length <= size)) {
        const target = new Uint8Array(length);
        reader.readInto(target, offset);
        t.ok(Buffer.compare(target, pages.subarray(offset, offset + length)) === 0, `${length} bytes at ${offset}`);
      }
      t.throws(() => reader.readInto(new Uint8Array(2), size - 1), { code: 'image-corrupt', message: /pages are asked for up to byte/ });
      t.end();
    });
  }
}

t.test('page by page, as a restore reads', async (t) => {
  const pages = somePages(6 * BLOCK + 4096);
  const directory = new MemoryDirectory([['pages-1.img', pages]]);
  await compressPages(directory, 1, { compress: 'lz4', checksum: true });
  using reader = openPages(directory, 1);
  const target = new Uint8Array(4096);
  let differing = 0;
  for (let offset = 0; offset < pages.length; offset += 4096) {
    reader.readInto(target, offset);
    if (Buffer.compare(target, pages.subarray(offset, offset + 4096)) !== 0) differing++;
  }
  t.equal(differing, 0);
  t.end();
});

t.test('what shrinks, shrinks', async (t) => {
  const directory = new MemoryDirectory([['pages-1.img', new Uint8Array(16 * BLOCK)]]);
  const { stored } = await compressPages(directory, 1, { compress: 'lz4' });
  t.ok(stored < BLOCK / 8, `${stored} bytes for a megabyte of zeroes`);
  t.end();
});

t.test('damage is found', async (t) => {
  const pages = somePages(3 * BLOCK);
  for (const { name, options, files } of ways.slice(1)) {
    const directory = new MemoryDirectory([['pages-3.img', pages]]);
    await compressPages(directory, 3, options);
    for (const file of files) {
      const whole = directory.files.get(file)!;
      let unnoticed = 0;
      for (let at = 0; at < whole.length; at += 997) {
        const bytes = whole.slice();
        bytes[at] = bytes[at]! ^ 0x10;
        directory.files.set(file, bytes);
        try {
          using reader = openPages(directory, 3);
          const target = new Uint8Array(pages.length);
          reader.readInto(target, 0);
          if (Buffer.compare(target, pages) !== 0) unnoticed++;
        } catch (error) {
          if ((error as { code?: string }).code !== 'image-corrupt') throw error;
        }
      }
      directory.files.set(file, whole);
      // Without checksums, LZ4 notices only what makes a block impossible.
      if (options.checksum) t.equal(unnoticed, 0, `${name}: ${file}`);
      else t.ok(unnoticed > 0, `${name}: ${file}, ${unnoticed} unnoticed`);
    }
  }
  t.end();
});

t.test('every cut is corrupt', async (t) => {
  const directory = new MemoryDirectory([['pages-3.img', somePages(2 * BLOCK)]]);
  await compressPages(directory, 3, { compress: 'lz4', checksum: true });
  const whole = directory.files.get('pages-3.lz4')!;
  for (let length = 0; length < whole.length; length += length < 100 ? 1 : 991) {
    directory.files.set('pages-3.lz4', whole.subarray(0, length));
    t.throws(() => openPages(directory, 3), { code: 'image-corrupt' }, `${length} bytes`);
  }
  t.end();
});

const u32 = (bytes: Uint8Array, at: number, value: number): void => new DataView(bytes.buffer).setUint32(at, value, true);
const headers: { name: string; change: (bytes: Uint8Array) => void; message: RegExp }[] = [
  { name: 'another name', change: (b) => void (b[0] = 0), message: /does not begin with CRTS-LZ4/ },
  { name: 'another version', change: (b) => u32(b, 8, 2), message: /at byte 8: version 2 is not known/ },
  { name: 'another block size', change: (b) => u32(b, 12, 4096), message: /blocks of 4096 bytes are not known/ },
  { name: 'too many blocks', change: (b) => u32(b, 24, 9), message: /the number of blocks does not fit/ },
  { name: 'a size beyond everything', change: (b) => u32(b, 20, 0xffff_ffff), message: /the number of blocks does not fit/ },
  { name: 'flags from the future', change: (b) => u32(b, 28, 6), message: /flags 0x6 are not known/ },
  { name: 'flags that are not so', change: (b) => u32(b, 28, 0), message: /checksum of header and table is wrong/ },
];

t.test('headers', async (t) => {
  const directory = new MemoryDirectory([['pages-3.img', somePages(2 * BLOCK)]]);
  await compressPages(directory, 3, { compress: 'lz4', checksum: true });
  const whole = directory.files.get('pages-3.lz4')!;
  for (const { name, change, message } of headers) {
    const bytes = whole.slice();
    change(bytes);
    directory.files.set('pages-3.lz4', bytes);
    t.throws(() => openPages(directory, 3), { code: 'image-corrupt', message }, name);
  }
  t.end();
});

t.test('checksums of other pages', async (t) => {
  const directory = new MemoryDirectory([['pages-3.img', somePages(2 * BLOCK)]]);
  await compressPages(directory, 3, { checksum: true });
  directory.files.set('pages-3.img', somePages(BLOCK));
  t.throws(() => openPages(directory, 3), { code: 'image-corrupt', message: /the file has 65536 bytes, pages-3.crc is for 131072/ });
  t.end();
});

t.test('what is not there', async (t) => {
  t.throws(() => openPages(new MemoryDirectory(), 1), { code: 'image-corrupt', message: 'pages-1.img: there is no such file' });
  await t.rejects(compressPages(new MemoryDirectory(), 1, { compress: 'lz4' }), { code: 'image-corrupt' });
  t.end();
});

t.test('aborted or failed, the plain file stays and no other is left', async (t) => {
  const pages = somePages(80 * BLOCK);
  const abort = new AbortController();
  const directory = new MemoryDirectory([['pages-3.img', pages]]);
  await t.rejects(compressPages(directory, 3, { compress: 'lz4', signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) }), { message: 'enough' });
  t.same(directory.list(), ['pages-3.img']);

  class FullDirectory extends MemoryDirectory {
    override create(name: string): ByteSink {
      const sink = super.create(name);
      return { name, size: 0, write: () => { throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }); }, [Symbol.dispose]: () => sink[Symbol.dispose]() };
    }
  }
  const full = new FullDirectory([['pages-3.img', pages]]);
  await t.rejects(compressPages(full, 3, { compress: 'lz4' }), { code: 'ENOSPC' });
  t.same(full.list(), ['pages-3.img']);
  t.end();
});

t.test('progress reaches the end', async (t) => {
  const seen: number[] = [];
  const directory = new MemoryDirectory([['pages-3.img', somePages(70 * BLOCK)]]);
  await compressPages(directory, 3, { compress: 'lz4', onProgress: ({ bytes, of }) => seen.push(bytes / of) });
  t.equal(seen.at(-1), 1);
  t.same(seen, [...seen].sort((a, b) => a - b));
  t.end();
});

t.test('on disk', async (t) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-pages-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const pages = somePages(3 * BLOCK + 4096);
  for (const { name, options, files } of ways) {
    mkdirSync(path.join(dir, name));
    writeFileSync(path.join(dir, name, 'pages-3.img'), pages);
    using directory = new NodeDirectory(path.join(dir, name));
    await compressPages(directory, 3, options);
    t.same(directory.list(), files);
    using reader = openPages(directory, 3);
    const target = new Uint8Array(pages.length);
    reader.readInto(target, 0);
    t.ok(Buffer.compare(target, pages) === 0, name);
    if (!options.compress) t.ok(readFileSync(path.join(dir, name, 'pages-3.img')).equals(pages), 'CRIU can still read it');
  }
  t.end();
});
