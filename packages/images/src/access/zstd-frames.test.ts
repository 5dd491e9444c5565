import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { openCheckpoint } from '../checkpoint/open.js';
import { tarOf } from '../testing/fuzz/archives.js';
import { tinySet } from '../testing/tiny-set.js';
import { bytesAccess } from './byte-access.js';
import { sequentialAccess } from './sequential-access.js';
import { unpackedPieces } from './unpack.js';
import { ZstdFrames } from './zstd-frames.js';

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** A frame with this window descriptor, and blocks as { type, size, bytes }. */
const frame = (window: number, ...blocks: readonly number[][]): number[] => [...MAGIC, 0, window, ...blocks.flat()];
const block = (isLast: boolean, type: number, size: number, ...bytes: number[]): number[] => {
  const header = (size << 3) | (type << 1) | Number(isLast);
  return [header & 0xff, (header >> 8) & 0xff, header >> 16, ...bytes];
};
const KIB = 1024;

const rows: { name: string; bytes: number[]; windows: number[] }[] = [
  { name: 'one frame', bytes: frame(7 << 3, block(true, 0, 2, 1, 2)), windows: [128 * KIB] },
  { name: 'an eighth more', bytes: frame((7 << 3) | 1, block(true, 0, 0)), windows: [144 * KIB] },
  { name: 'a second frame with another window', bytes: [...frame(0, block(false, 1, 100_000, 7), block(true, 0, 1, 5)), ...frame(21 << 3, block(true, 0, 0))], windows: [KIB, 2 ** 31] },
  { name: 'with a checksum', bytes: [...MAGIC, 4, 0, ...block(true, 0, 1, 5), 9, 9, 9, 9, ...frame(8, block(true, 0, 0))], windows: [KIB, 2 * KIB] },
  { name: 'one segment: the window is the content', bytes: [...MAGIC, 0x60, 0, 1, ...block(true, 1, 512, 0)], windows: [512] },
  { name: 'behind one that is passed over', bytes: [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3, ...frame(0, block(true, 0, 0))], windows: [KIB] },
  { name: 'no frame behind the first', bytes: [...frame(0, block(true, 0, 0)), 1, 2, 3, 4, 5, 6, 7, 8, ...frame(21 << 3)], windows: [KIB] },
];
for (const { name, bytes, windows } of rows) {
  t.test(name, (t) => {
    for (const step of [1, 3, bytes.length]) {
      const frames = new ZstdFrames();
      const found: number[] = [];
      for (let at = 0; at < bytes.length; at += step) found.push(frames.push(Uint8Array.from(bytes.slice(at, at + step))));
      t.same(step === bytes.length ? Math.max(...found) : found.filter(Boolean), step === bytes.length ? Math.max(...windows) : windows, `in steps of ${step}`);
    }
    t.end();
  });
}

const packed = spawnSync('zstd', ['-q', '-c', '-19', '--no-check'], { input: Buffer.alloc(3_000_000, 'some text, again and again. ') });
t.test('what zstd writes', { skip: packed.status === 0 ? false : 'there is no zstd to pack with' }, (t) => {
  const frames = new ZstdFrames();
  const bytes = Buffer.concat([packed.stdout, packed.stdout, packed.stdout]);
  const windows = Array.from({ length: bytes.length }, (_, i) => frames.push(bytes.subarray(i, i + 1))).filter(Boolean);
  t.equal(windows.length, 3);
  t.end();
});

/** The error, where a checkpoint in these bytes can't be opened. */
async function refusal(bytes: Uint8Array): Promise<string> {
  try {
    using _checkpoint = await openCheckpoint(bytes);
    return '';
  } catch (error) {
    t.equal((error as { code?: string }).code, 'image-corrupt');
    return (error as Error).message;
  }
}

t.test('a window of 2 GiB in the second frame is refused', async (t) => {
  const first = tarOf([{ name: 'inventory.img', bytes: new Uint8Array(100) }]).subarray(0, 512);
  t.match(await refusal(Uint8Array.from([...frame(0, block(true, 0, 512, ...first)), ...frame(21 << 3, block(true, 0, 512, ...first))])), /zstd window of 2147483648 bytes/);
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Without what is only not collected yet, where that is much. What one collection finds is given back at the latest by the next. */
function heldBytes(before = 0): number {
  const { arrayBuffers } = process.memoryUsage();
  if (arrayBuffers - before < 16 * 2 ** 20) return arrayBuffers;
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

t.test('runs of zeros are unpacked a few at a time', async (t) => {
  const runs = Array.from({ length: 1000 }, (_, i) => block(i === 999, 1, 128 * KIB, 0));
  const before = heldBytes();
  let most = 0;
  for await (const piece of unpackedPieces(bytesAccess('x', Uint8Array.from(frame(7 << 3, ...runs))), 'zstd')) {
    if (piece.length > 0) most = Math.max(most, heldBytes(before) - before);
    if (most > 64 * 2 ** 20) break;
  }
  t.ok(most < 64 * 2 ** 20, `${most} bytes were held`);
});

t.test('archives within an archive share what one may have', async (t) => {
  const inner = tarOf(Array.from({ length: 30 }, (_, i) => ({ name: `file-${i}` })));
  const outer = tarOf([0, 1, 2, 3].map((i) => ({ name: `blobs/sha256/${i}`, bytes: gzipSync(inner) })));
  await t.rejects(openCheckpoint(outer, { limits: { members: 100 } }), { code: 'image-corrupt', message: /more than 100 members/ });
  const images = tarOf([...tinySet([{ pid: 10 }]).files].map(([name, bytes]) => ({ name, bytes })));
  using checkpoint = await openCheckpoint(tarOf([{ name: 'blobs/sha256/0', bytes: gzipSync(inner) }, { name: 'blobs/sha256/1', bytes: gzipSync(images) }]), { limits: { members: 100 } });
  t.equal((await checkpoint.processes()).length, 1);
});

t.test('an image of zeros, a thousand times what is packed of it, is not read at once', async (t) => {
  const images = [...tinySet([{ pid: 10 }]).files].map(([name, bytes]) => ({ name, bytes: name === 'pstree.img' ? Buffer.concat([bytes, Buffer.alloc(20 * 2 ** 20)]) : bytes }));
  using checkpoint = await openCheckpoint(gzipSync(tarOf(images)));
  await t.rejects(checkpoint.processes(), { code: 'image-corrupt', message: /pstree.img: the file has 209\d+ bytes, more than 8388608 are not read at once/ });
});

t.test('a read across more blocks than are kept', async (t) => {
  const bytes = Buffer.alloc(12 * 2 ** 20);
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at);
  const access = sequentialAccess(bytesAccess('x', gzipSync(bytes, { level: 1 })), 'gzip', 2 ** 30);
  for (let round = 0; round < 2; round++) t.ok(Buffer.from(await access.read(0, bytes.length)).equals(bytes));
  t.ok(Buffer.from(await access.read(5000, 300_000)).equals(bytes.subarray(5000, 305_000)));
});
