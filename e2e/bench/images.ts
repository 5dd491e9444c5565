// usage: node tools/bench-images.mjs [--rounds N]        CRIT=path of CRIU's crit, by default `crit` where there is one; GO_CRIT=path of go-criu's
//        CRIU=path of a CRIU in its source tree, whose crit and pycriu are taken
// The image commands beside those of others, in turn: medians of CPU time (user and system) and of wall time in ms, start-up
// of the interpreters included. Other work on the machine does not count for CPU time, so that is what is judged. Then the
// same without the start-ups: each program's own taken away, and crit's library beside ours, both warm.
// Then what has no such peer: search, the codecs, and inspect of a checkpoint of 10 GB, with its peak memory.
import { spawnSync } from 'node:child_process';
import { ftruncateSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { IMAGE_TYPES, MemorySource, PE_PRESENT, imageToText, openCheckpoint, pagemapOf, searchCheckpoint, writePagemap, type ImageSet } from '@criu-ts/images';
import { createImageSet } from '@criu-ts/images/node';
import { benchCodecs } from './codecs.js';
import { cpuSeconds, median } from './cpu.js';
import { benchLibraries, type Sample } from './image-libraries.js';
import { beside, benchStarts, type Case, findPeers, once, program } from './image-tools.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
using folder = scratch(tmpdir());
const dir = folder.path;

function scratch(parent: string): Disposable & { readonly path: string } {
  const made = mkdtempSync(path.join(parent, 'criu-ts-bench-images-'));
  return { path: made, [Symbol.dispose]: () => rmSync(made, { recursive: true, force: true }) };
}

const peers = findPeers();
let reached = true;

// What is converted lies in memory where it can: the disk's time is not ours, nor theirs.
using shm = existsSync('/dev/shm') ? scratch('/dev/shm') : undefined;
const small = shm?.path ?? dir;
const set = createImageSet(small, 'replace');
writePagemap(set, IMAGE_TYPES.pagemap, 1, pagemapOf(1, Array.from({ length: 100_000 }, (_, i) => ({ vaddr: 0x5500_0000_0000n + BigInt(i) * 8192n, nrPages: 1 + (i % 7), flags: PE_PRESENT }))));
writeMm(set, 1, 10_000);

/** An mm image of so many mappings. */
function writeMm(into: ImageSet, pid: number, count: number, size = 4096n): void {
  const vma = { pgoff: 0n, shmid: 0n, prot: 3, flags: 0x22, status: 0x201, fd: -1n };
  const none = { mmStartCode: 0n, mmEndCode: 0n, mmStartData: 0n, mmEndData: 0n, mmStartStack: 0n, mmStartBrk: 0n, mmBrk: 0n, mmArgStart: 0n, mmArgEnd: 0n, mmEnvStart: 0n, mmEnvEnd: 0n };
  into.write(IMAGE_TYPES.mm, pid, [{ ...none, exeFileId: 1, mmSavedAuxv: [6n, 4096n], aios: [], vmas: Array.from({ length: count }, (_, i) => ({ ...vma, start: 0x5500_0000_0000n + BigInt(i) * 2n * size, end: 0x5500_0000_0000n + (BigInt(i) * 2n + 1n) * size })) }]);
}

set.write(IMAGE_TYPES.pstree, undefined, [1, 2, 3].map((pid) => ({ pid, ppid: pid - 1, pgid: 1, sid: 1, threads: [pid] })));
const tiny = path.join(small, 'pstree.img');

const samples: readonly Sample[] = (
  [
    ['a pagemap of 100,000 entries', 'pagemap-1'],
    ['an mm of 10,000 mappings', 'mm-1'],
  ] as const
).map(([what, name]) => {
  const image = path.join(small, `${name}.img`);
  const text = path.join(small, `${name}.json`);
  writeFileSync(text, [...imageToText(new MemorySource(`${name}.img`, readFileSync(image)))].join(''));
  return { what, image, text };
});
const libraries = await benchLibraries(samples, peers.some(({ name }) => name === 'crit'), rounds);
reached &&= libraries.reached;

console.log(`${'ms of the whole command, CPU / wall'.padEnd(38)}          ours`);
benchStarts(small, tiny, peers, rounds);
for (const { what, image } of samples) {
  const name = path.basename(image, '.img');
  // Each has JSON of its own: go-criu's has 64-bit numbers as strings.
  const file = (tool: string, ending: string): string => path.join(small, `${name}-${tool}.${ending}`);
  const ofTiny = (tool: string): string => path.join(small, `tiny-${tool}.json`);
  const rows: readonly Case[] = [
    { what: `decode ${what}`, work: libraries.ms.get(`decode ${what}`)!, args: (tool) => ['decode', '-i', image, '-o', file(tool, 'json')], start: (tool) => ['decode', '-i', tiny, '-o', ofTiny(tool)] },
    { what: `decode --pretty ${what}`, args: (tool) => ['decode', '--pretty', '-i', image, '-o', file(tool, 'pretty')] },
    { what: `encode ${what}`, work: libraries.ms.get(`encode ${what}`)!, args: (tool) => ['encode', '-i', file(tool, 'json'), '-o', file(tool, 'out')], start: (tool) => ['encode', '-i', ofTiny(tool), '-o', file(tool, 'tiny')] },
  ];
  for (const row of rows) reached = beside(row, peers, rounds) && reached;
  if (!readFileSync(file('ours', 'out')).equals(readFileSync(image))) throw new Error(`${what} does not come back`);
  if (peers.some((peer) => peer.name === 'crit') && readFileSync(file('ours', 'json'), 'utf8').trim() !== readFileSync(file('crit', 'json'), 'utf8').trim()) throw new Error(`${what} is not shown as crit shows it`);
}
// Search: one process, 256 MiB of something like memory, of which nothing fits.
const big = path.join(dir, 'big');
mkdirSync(big);
const size = 256 * 1024 * 1024;
writeCheckpoint(big, 1, BigInt(size));
const sample = readFileSync(process.execPath);
const content = new Uint8Array(size);
for (let at = 0; at < size; at += sample.length) content.set(sample.subarray(0, Math.min(sample.length, size - at)), at);
const files = new Map(['inventory.img', 'pstree.img', 'core-1.img', 'files.img', 'mm-1.img', 'pagemap-1.img'].map((name) => [name, new Uint8Array(readFileSync(path.join(big, name)))] as const));
files.set('pages-1.img', content);
using checkpoint = await openCheckpoint(files);
for (const [what, pattern] of [['text', 'no such text anywhere'], ['a regular expression', /no such \d{9} text/]] as const) {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begin = process.cpuUsage();
    let found = 0;
    for await (const match of searchCheckpoint(checkpoint, pattern)) found += match.pid;
    if (found > 0) throw new Error('found what is not there');
    seconds.push(cpuSeconds(begin));
  }
  const rate = size / median(seconds) / 1e9;
  if (what === 'text' && rate < 1) reached = false;
  console.log(`search for ${what}: ${rate.toFixed(2)} GB/s${what === 'text' ? `   at least 1: ${rate >= 1 ? 'reached' : 'MISSED'}` : ''}`);
}

if (!benchCodecs(content.subarray(0, 64 * 1024 * 1024), dir, rounds)) reached = false;

/** A checkpoint of a process of 1000 mappings, and so much memory; its pages file is to be filled, or is a hole. */
function writeCheckpoint(into: string, count: number, bytes: bigint): string {
  const images = createImageSet(into, 'replace');
  images.write(IMAGE_TYPES.inventory, undefined, [{ imgVersion: 2 }]);
  images.write(IMAGE_TYPES.pstree, undefined, [{ pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [1] }]);
  images.write(IMAGE_TYPES.core, 1, [{ mtype: 1, tc: { taskState: 1, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, sigactions: [], comm: 'big' } }]);
  images.write(IMAGE_TYPES.files, undefined, []);
  const each = bytes / BigInt(count);
  writeMm(images, 1, count, each);
  writePagemap(images, IMAGE_TYPES.pagemap, 1, pagemapOf(1, Array.from({ length: count }, (_, i) => ({ vaddr: 0x5500_0000_0000n + BigInt(i) * 2n * each, nrPages: Number(each / 4096n), flags: PE_PRESENT }))));
  return path.join(into, 'pages-1.img');
}

const huge = path.join(dir, 'huge');
mkdirSync(huge);
const hole = openSync(writeCheckpoint(huge, 1000, 10_000n * 1_048_576n), 'w');
ftruncateSync(hole, 10_000 * 1_048_576);
closeSync(hole);
const seconds = median(Array.from({ length: rounds }, () => once([process.execPath, program, 'inspect', huge]).cpu)) / 1000;
// A process's peak begins with that of the one that started it: bash is small.
// Node takes `inspect` for itself where it comes behind -e.
const measured = path.join(dir, 'measured.mjs');
writeFileSync(measured, `process.on('exit', () => process.stderr.write(String(process.resourceUsage().maxRSS))); await import(${JSON.stringify(`file://${program}`)});`);
const peak = spawnSync('/bin/bash', ['-c', '"$0" "$@" > /dev/null; true', process.execPath, measured, 'inspect', huge], { encoding: 'utf8' });
const mib = Number(peak.stderr.trim()) / 1024;
if (!(seconds < 1 && mib < 150)) reached = false;
console.log(`inspect of 10 GB: ${seconds.toFixed(2)} CPU s, ${mib.toFixed(0)} MiB   below 1 s and 150 MiB: ${seconds < 1 && mib < 150 ? 'reached' : 'MISSED'}`);
process.exitCode = reached ? 0 : 1;
