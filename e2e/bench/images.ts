// usage: node tools/bench-images.mjs [--rounds N]        CRIT=path of CRIU's crit, by default `crit` where there is one; GO_CRIT=path of go-criu's
// The image commands beside those of others, in turn: medians of CPU time (user and system) and of wall time in ms, start-up
// of the interpreters included. Other work on the machine does not count for CPU time, so that is what is judged.
// Then what has no such peer: search, the codecs, and inspect of a checkpoint of 10 GB, with its peak memory.
import { spawnSync } from 'node:child_process';
import { ftruncateSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { IMAGE_TYPES, PE_PRESENT, openCheckpoint, pagemapOf, searchCheckpoint, writePagemap, type ImageSet } from '@criu-ts/images';
import { createImageSet } from '@criu-ts/images/node';
import { repository } from '../harness/repository.js';
import { benchCodecs } from './codecs.js';
import { cpuSeconds, median } from './cpu.js';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
const program = path.join(repository, 'packages/images/dist/criu-images.cjs');
const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-bench-images-'));
using _scratch = { [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };

interface Times {
  readonly cpu: number;
  readonly wall: number;
}

/** Times of a command in ms. @throws where it fails */
function once(command: readonly string[]): Times {
  const run = spawnSync('/bin/bash', ['-c', 'TIMEFORMAT="%U %S %R"; time "$0" "$@" > /dev/null', ...command], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${command.join(' ')}: ${run.stderr}`);
  const [user, system, wall] = run.stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return { cpu: (user! + system!) * 1000, wall: wall! * 1000 };
}

/** A program to compare with, and how many times faster than it we must be. */
interface Peer {
  readonly name: string;
  readonly program: string;
  readonly atLeast: number;
}

const peers: readonly Peer[] = [
  { name: 'crit', program: process.env['CRIT'] ?? 'crit', atLeast: 10 },
  { name: 'go-criu', program: process.env['GO_CRIT'] ?? '', atLeast: 1 },
].filter((peer) => {
  const isThere = peer.program !== '' && spawnSync(peer.program, ['--help']).error === undefined;
  if (!isThere) console.log(`no ${peer.name} to compare with: name one by ${peer.name === 'crit' ? 'CRIT' : 'GO_CRIT'}=path`);
  return isThere;
});

let reached = true;
const text = (times: Times | undefined): string => (times === undefined ? '–' : `${times.cpu.toFixed(0)} / ${times.wall.toFixed(0)}`).padStart(14);
const middle = (all: readonly Times[]): Times => ({ cpu: median(all.map(({ cpu }) => cpu)), wall: median(all.map(({ wall }) => wall)) });

/** `args` by the name of the tool. */
function beside(what: string, args: (tool: string) => readonly string[], isJudged: boolean): void {
  const tools = [{ name: 'ours', command: [process.execPath, program] }, ...peers.map(({ name, program: file }) => ({ name, command: [file] }))];
  const all = tools.map((): Times[] => []);
  for (let round = 0; round < rounds; round++) tools.forEach(({ name, command }, i) => all[i]!.push(once([...command, ...args(name)])));
  const [mine, ...theirs] = all.map(middle);
  let line = `${what.padEnd(38)}${text(mine)}`;
  peers.forEach(({ name, atLeast }, i) => {
    const ratio = theirs[i]!.cpu / mine!.cpu;
    if (isJudged && ratio < atLeast) reached = false;
    line += `   ${name}${text(theirs[i])}  ${ratio.toFixed(1)}×${isJudged ? ` of ${atLeast}× ${ratio >= atLeast ? 'reached' : 'MISSED'}` : ''}`;
  });
  console.log(line);
}

const set = createImageSet(dir, 'replace');
writePagemap(set, IMAGE_TYPES.pagemap, 1, pagemapOf(1, Array.from({ length: 100_000 }, (_, i) => ({ vaddr: 0x5500_0000_0000n + BigInt(i) * 8192n, nrPages: 1 + (i % 7), flags: PE_PRESENT }))));
writeMm(set, 1, 10_000);

/** An mm image of so many mappings. */
function writeMm(into: ImageSet, pid: number, count: number, size = 4096n): void {
  const vma = { pgoff: 0n, shmid: 0n, prot: 3, flags: 0x22, status: 0x201, fd: -1n };
  const none = { mmStartCode: 0n, mmEndCode: 0n, mmStartData: 0n, mmEndData: 0n, mmStartStack: 0n, mmStartBrk: 0n, mmBrk: 0n, mmArgStart: 0n, mmArgEnd: 0n, mmEnvStart: 0n, mmEnvEnd: 0n };
  into.write(IMAGE_TYPES.mm, pid, [{ ...none, exeFileId: 1, mmSavedAuxv: [6n, 4096n], aios: [], vmas: Array.from({ length: count }, (_, i) => ({ ...vma, start: 0x5500_0000_0000n + BigInt(i) * 2n * size, end: 0x5500_0000_0000n + (BigInt(i) * 2n + 1n) * size })) }]);
}

console.log(`${'ms of the whole command, CPU / wall'.padEnd(38)}          ours`);
const empty = path.join(dir, 'empty.cjs');
writeFileSync(empty, '');
console.log(`${'node, with nothing to do'.padEnd(38)}${text(middle(Array.from({ length: rounds }, () => once([process.execPath, empty]))))}`);
for (const [what, name] of [['a pagemap of 100,000 entries', 'pagemap-1'], ['an mm of 10,000 mappings', 'mm-1']] as const) {
  const image = path.join(dir, `${name}.img`);
  // Each has JSON of its own: go-criu's has 64-bit numbers as strings.
  const file = (tool: string, ending: string): string => path.join(dir, `${name}-${tool}.${ending}`);
  beside(`decode ${what}`, (tool) => ['decode', '-i', image, '-o', file(tool, 'json')], true);
  beside(`decode --pretty ${what}`, (tool) => ['decode', '--pretty', '-i', image, '-o', file(tool, 'pretty')], false);
  beside(`encode ${what}`, (tool) => ['encode', '-i', file(tool, 'json'), '-o', file(tool, 'out')], true);
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
