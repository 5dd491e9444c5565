import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { LZ4_BLOCK, openCrc32c, openLz4, openPagemapCodec, threadMemory } from '@criu-ts/wasm';
import { cpuSeconds, median } from './cpu.js';

/** GB/s on one core, and ms: what was measured when the modules were written, less a quarter for other machines. */
const CRC_GBPS = 1.6;
const PAGEMAP_MS = { encode: 1.5, decode: 3 };
/** Of the native LZ4 library's rates. */
const OF_NATIVE = { compress: 0.75, decompress: 0.5 };
const ENTRIES = 100_000;

/** Rates of the codecs in WebAssembly on this content, beside `lz4 -b` where there is one. Returns whether targets were reached. */
export function benchCodecs(content: Uint8Array, dir: string, rounds: number): boolean {
  let reached = true;
  const judge = (line: string, isReached: boolean, wanted: string): void => {
    if (!isReached) reached = false;
    console.log(`${line}   ${wanted}: ${isReached ? 'reached' : 'MISSED'}`);
  };
  const memory = threadMemory();
  using source = memory.allocate(content.length);
  using packed = memory.allocate(content.length + 16);
  using unpacked = memory.allocate(LZ4_BLOCK);
  source.bytes().set(content);
  const blocks = Math.floor(content.length / LZ4_BLOCK);
  const seconds = (work: () => void): number => {
    work();
    return median(
      Array.from({ length: rounds }, () => {
        const begin = process.cpuUsage();
        work();
        return cpuSeconds(begin);
      }),
    );
  };
  const gbps = (work: () => void): number => (blocks * LZ4_BLOCK) / seconds(work) / 1e9;

  const crc32c = openCrc32c(memory);
  const crc = gbps(() => {
    for (let block = 0; block < blocks; block++) crc32c.checksum(source, block * LZ4_BLOCK, LZ4_BLOCK);
  });
  judge(`CRC-32C: ${crc.toFixed(2)} GB/s`, crc >= CRC_GBPS, `at least ${CRC_GBPS}`);

  const lz4 = openLz4(memory);
  const places: [number, number][] = [];
  const compress = gbps(() => {
    places.length = 0;
    let at = 0;
    for (let block = 0; block < blocks; block++) {
      const size = lz4.compress(source, block * LZ4_BLOCK, LZ4_BLOCK, packed, at, LZ4_BLOCK - 1);
      if (size > 0) places.push([at, size]);
      at += size;
    }
  });
  const shrunk = places.reduce((sum, [, size]) => sum + size, 0);
  const decompress =
    (places.length * LZ4_BLOCK) /
    seconds(() => {
      for (const [at, size] of places) if (!lz4.decompress(packed, at, size, unpacked, 0, LZ4_BLOCK)) throw new Error('a block does not come back');
    }) /
    1e9;
  const ratio = (places.length * LZ4_BLOCK) / shrunk;
  const native = nativeLz4(content, dir);
  console.log(`LZ4, blocks of 64 KiB: compress ${compress.toFixed(2)} GB/s, decompress ${decompress.toFixed(2)} GB/s, ratio ${ratio.toFixed(2)}`);
  if (native === undefined) console.log('no lz4 to compare with');
  else {
    console.log(`  lz4 -b:              compress ${native.compress.toFixed(2)} GB/s, decompress ${native.decompress.toFixed(2)} GB/s, ratio ${native.ratio.toFixed(2)}`);
    judge('  compress', compress >= OF_NATIVE.compress * native.compress, `at least ${OF_NATIVE.compress} of it`);
    judge('  decompress', decompress >= OF_NATIVE.decompress * native.decompress, `at least ${OF_NATIVE.decompress} of it`);
  }

  const codec = openPagemapCodec(memory);
  const columns = { vaddr: BigUint64Array.from({ length: ENTRIES }, (_, i) => 0x5500_0000_0000n + BigInt(i) * 8192n), nrPages: Uint32Array.from({ length: ENTRIES }, (_, i) => 1 + (i % 7)), flags: new Uint32Array(ENTRIES).fill(4) };
  const bytes = codec.encode(columns);
  const [encodeMs, decodeMs] = [seconds(() => void codec.encode(columns)) * 1000, seconds(() => void codec.decode(bytes)) * 1000];
  judge(`pagemap of 100,000 entries: encode ${encodeMs.toFixed(1)} ms, decode ${decodeMs.toFixed(1)} ms`, encodeMs <= PAGEMAP_MS.encode && decodeMs <= PAGEMAP_MS.decode, `at most ${PAGEMAP_MS.encode} and ${PAGEMAP_MS.decode}`);
  return reached;
}

/** GB/s of liblz4 by its own benchmark, on blocks of the same size. */
function nativeLz4(content: Uint8Array, dir: string): { compress: number; decompress: number; ratio: number } | undefined {
  const file = path.join(dir, 'sample');
  writeFileSync(file, content);
  const run = spawnSync('lz4', ['-b1', '-i1', '-B4', file], { encoding: 'utf8' });
  const last = [...`${run.stdout}${run.stderr}`.matchAll(/\(\s*([\d.]+)\)?\s*,?\s*([\d.]+) MB\/s\s*,\s*([\d.]+) MB\/s/g)].at(-1);
  return last === undefined ? undefined : { ratio: Number(last[1]), compress: Number(last[2]) / 1000, decompress: Number(last[3]) / 1000 };
}
