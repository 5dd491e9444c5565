import t from 'tap';
import { plainMemory, threadMemory } from '../memory.js';
import type { Memory } from '../memory.js';
import { LZ4_BLOCK, openLz4 } from './lz4.js';
import { plainCompress, plainDecompress } from './plain.js';

/** Numbers that look random and are the same every time. */
function randomBytes(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Runs and repeats between random bytes: what process memory is like. */
function mixed(length: number, seed: number): Uint8Array {
  const random = randomBytes(length, seed);
  const out = new Uint8Array(length);
  let at = 0;
  let i = 0;
  while (at < length) {
    const kind = random[i++ % length]! % 4;
    const count = Math.min(1 + (random[i++ % length]! * (kind === 0 ? 1 : 3)), length - at);
    if (kind === 0) out.set(random.subarray(0, count), at);
    else if (kind === 1) out.fill(0, at, at + count);
    else for (let k = 0; k < count; k++) out[at + k] = at > 40 ? out[at + k - (1 + (random[i % length]! % 40))]! : k;
    at += count;
  }
  return out;
}

/** t.same takes its time on 64 KiB. */
const alike = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean => a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;

const text = new TextEncoder().encode('She sells sea shells by the sea shore. '.repeat(100));
const blocks: { name: string; bytes: Uint8Array; shrinks: boolean }[] = [
  { name: 'one byte', bytes: Uint8Array.of(7), shrinks: false },
  { name: 'twelve bytes alike', bytes: new Uint8Array(12), shrinks: false },
  { name: 'thirteen bytes alike', bytes: new Uint8Array(13), shrinks: true },
  { name: 'a page of zeroes', bytes: new Uint8Array(4096), shrinks: true },
  { name: 'the largest block of zeroes', bytes: new Uint8Array(LZ4_BLOCK), shrinks: true },
  { name: 'text', bytes: text, shrinks: true },
  { name: 'noise', bytes: randomBytes(LZ4_BLOCK, 1), shrinks: false },
  { name: 'a match of the largest distance', bytes: Uint8Array.from([...randomBytes(30, 2), ...new Uint8Array(LZ4_BLOCK - 60), ...randomBytes(30, 2)]), shrinks: true },
  ...Array.from({ length: 30 }, (_, i) => ({ name: `mixed ${i}`, bytes: mixed(i < 15 ? 500 + i * 331 : LZ4_BLOCK - i * 97, i + 3), shrinks: true })),
];

const wasm = threadMemory();
const plain = plainMemory();
t.ok(wasm.wasm, 'the tests run with WebAssembly');

function compress(memory: Memory, block: Uint8Array, room = block.length + 400): Uint8Array {
  using source = memory.allocate(block.length);
  using target = memory.allocate(room);
  source.bytes().set(block);
  return target.bytes(0, openLz4(memory).compress(source, 0, block.length, target, 0, room)).slice();
}

/** undefined where it is not a block of `size` bytes; fails where anything beside the target was written. */
function decompress(memory: Memory, compressed: Uint8Array, size: number): Uint8Array | undefined {
  using source = memory.allocate(compressed.length);
  using target = memory.allocate(size + 64);
  source.bytes().set(compressed);
  target.bytes().fill(0xa5);
  const good = openLz4(memory).decompress(source, 0, compressed.length, target, 32, size);
  const around = [...target.bytes(0, 32), ...target.bytes(32 + size)];
  if (around.some((byte) => byte !== 0xa5)) throw new Error('bytes outside the target were written');
  return good ? target.bytes(32, size).slice() : undefined;
}

for (const block of blocks) {
  t.test(block.name, (t) => {
    const compressed = compress(wasm, block.bytes);
    t.ok(compressed.length > 0);
    t.ok(alike(compress(plain, block.bytes), compressed), 'both ways write the same');
    t.ok(alike(decompress(wasm, compressed, block.bytes.length), block.bytes), 'WebAssembly reads it');
    t.ok(alike(decompress(plain, compressed, block.bytes.length), block.bytes), 'the oracle reads it');
    t.equal(compressed.length < block.bytes.length, block.shrinks);
    t.equal(compress(wasm, block.bytes, block.bytes.length - 1).length > 0, block.shrinks, 'it fits where it shrinks');
    t.equal(compress(wasm, block.bytes, compressed.length - 1).length, 0, 'a byte less is too little');
    t.equal(decompress(wasm, compressed, block.bytes.length + 1), undefined, 'not a longer block');
    t.equal(decompress(wasm, compressed, block.bytes.length - 1), undefined, 'not a shorter block');
    t.end();
  });
}

t.test('nothing at all is a block of no bytes', (t) => {
  t.same(compress(wasm, new Uint8Array(0)), Uint8Array.of(0));
  t.same(decompress(wasm, Uint8Array.of(0), 0), new Uint8Array(0));
  t.equal(decompress(wasm, new Uint8Array(0), 0), undefined);
  t.end();
});

/** Made by hand after lz4_Block_format.md. */
const byHand: { name: string; block: number[]; bytes: string | undefined; size?: number }[] = [
  { name: 'literals', block: [0x30, 0x61, 0x62, 0x63], bytes: 'abc' },
  { name: 'an overlapping match', block: [0x1f, 0x61, 1, 0, 0, 0x50, 0x62, 0x62, 0x62, 0x62, 0x62], bytes: `${'a'.repeat(20)}bbbbb` },
  { name: 'a match at distance 2', block: [0x22, 0x61, 0x62, 2, 0, 0x10, 0x63], bytes: 'ababababc' },
  { name: 'a long run of literals', block: [0xf0, 255, 1, ...new Array<number>(271).fill(0x78)], bytes: 'x'.repeat(271) },
  { name: 'distance 0', block: [0x10, 0x61, 0, 0, 0x10, 0x62], bytes: undefined, size: 6 },
  { name: 'a distance beyond the beginning', block: [0x10, 0x61, 2, 0, 0x10, 0x62], bytes: undefined, size: 6 },
  { name: 'literals beyond the end', block: [0x40, 0x61], bytes: undefined, size: 4 },
  { name: 'a length without end', block: [0xf0, 255, 255], bytes: undefined, size: 600 },
  { name: 'half a distance', block: [0x10, 0x61, 1], bytes: undefined, size: 5 },
  { name: 'it ends with a match', block: [0x10, 0x61, 1, 0], bytes: undefined, size: 5 },
  { name: 'a match beyond the target', block: [0x1f, 0x61, 1, 0, 200, 0x10, 0x62], bytes: undefined, size: 100 },
];

for (const { name, block, bytes, size } of byHand) {
  t.test(`by hand: ${name}`, (t) => {
    const expected = bytes === undefined ? undefined : new TextEncoder().encode(bytes);
    for (const memory of [wasm, plain]) t.same(decompress(memory, Uint8Array.from(block), expected?.length ?? size!), expected);
    t.end();
  });
}

t.test('hostile blocks: both ways agree, and nothing beside the target is touched', (t) => {
  const good = compress(wasm, mixed(2000, 5));
  let accepted = 0;
  for (let seed = 0; seed < 3000; seed++) {
    const noise = randomBytes(12, seed);
    const bad = seed % 2 ? good.slice(0, 1 + (seed % good.length)) : good.slice();
    for (let k = 0; k < noise.length; k += 4) bad[((noise[k]! << 8) | noise[k + 1]!) % bad.length] = noise[k + 2]!;
    const byWasm = decompress(wasm, bad, 2000);
    const target = new Uint8Array(2000);
    const byPlain = plainDecompress(bad, target) ? target : undefined;
    if (byWasm) accepted++;
    if ((byWasm === undefined) !== (byPlain === undefined) || (byWasm && Buffer.compare(byWasm, byPlain!) !== 0)) t.fail(`seed ${seed}`);
  }
  t.ok(accepted < 3000);
  t.end();
});

t.test('what is refused', (t) => {
  using source = wasm.allocate(LZ4_BLOCK + 1);
  using target = wasm.allocate(10);
  const lz4 = openLz4(wasm);
  t.throws(() => lz4.compress(source, 0, LZ4_BLOCK + 1, target, 0, 10), { name: 'RangeError', message: /65536 is the most/ });
  t.throws(() => lz4.compress(source, 0, 10, target, 0, 11), { name: 'RangeError' });
  t.throws(() => lz4.decompress(source, LZ4_BLOCK, 2, target, 0, 10), { name: 'RangeError' });
  t.equal(plainCompress(new Uint8Array(100), new Uint8Array(2)), 0);
  t.end();
});
