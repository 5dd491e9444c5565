import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { openCheckpoint } from '../checkpoint/open.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_PRESENT } from '../pagemap/pagemap.js';
import { bigEndianSet } from '../testing/big-endian.js';
import { MACHINE_SAMPLES } from '../testing/machines.js';
import type { MachineSample } from '../testing/machines.js';
import { at, page, tinySet, vma } from '../testing/tiny-set.js';
import { coreOf } from './core-file.js';

// A debugger that knows all machines finds in a core of each what was put into the images.
const GDB = 'gdb-multiarch';
const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-gdb-'));
t.teardown(() => rmSync(scratch, { recursive: true }));
const runs = spawnSync(GDB, ['--version']).status === 0;

function gdb(...commands: readonly string[]): string {
  const run = spawnSync(GDB, ['-nx', '-batch', '-iex', 'set debuginfod enabled off', ...commands.flatMap((command) => ['-ex', command])], { encoding: 'utf8' });
  return `${run.stdout}\n${run.stderr}`;
}

/** Two threads, a page of text, a mapped file; in the byte order of the machine. */
async function coreFile({ name, mtype, core, bigEndian = false, hwcap }: MachineSample): Promise<string> {
  const contents = page('\0');
  contents.set(new TextEncoder().encode('text in memory'), 16);
  const set = tinySet([{ pid: 10, threads: [12], auxv: [6n, 4096n, 9n, 0x40_1000n, ...(hwcap === undefined ? [] : [16n, hwcap])], vmas: [vma(0, 2, VMA.anonPrivate), vma(4, 2, VMA.filePrivate, { shmid: 1n, prot: 5 })], rows: [[0, 1, PE_PRESENT]], contents }]);
  const tc = { taskState: 1, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, sigactions: [], comm: 'x' };
  const images = new ImageSet(set);
  images.write(IMAGE_TYPES.core, 10, [{ mtype, tc, ...core(0x1000) }]);
  images.write(IMAGE_TYPES.core, 12, [{ mtype, ...core(0x2000) }]);
  const file = path.join(scratch, name);
  using checkpoint = await openCheckpoint(bigEndian ? bigEndianSet(set) : set);
  const pieces = [];
  for await (const piece of coreOf(await checkpoint.process(10))) pieces.push(piece);
  writeFileSync(file, Buffer.concat(pieces));
  return file;
}

// It is not built for every machine everywhere.
const known = runs ? gdb('set architecture').toLowerCase() : '';

for (const sample of MACHINE_SAMPLES) {
  t.test(`${sample.name}, in ${GDB}`, { skip: !runs ? `there is no ${GDB}` : known.includes(sample.gdb) ? false : `${GDB} here does not know ${sample.gdb}` }, async (t) => {
    const names = Object.keys(sample.registers(0));
    const text = gdb(`core-file ${await coreFile(sample)}`, 'info threads', ...[10, 12].flatMap((tid) => [`python gdb.selected_inferior(); [t.switch() for t in gdb.selected_inferior().threads() if t.ptid[1] == ${tid}]`, ...names.map((name) => `printf "${tid} ${name} %lx\\n", $${name}`)]), `x/s ${at(0) + 16n}`, 'info auxv', 'info proc mappings');
    for (const [tid, from] of [[10, 0x1000], [12, 0x2000]] as const) {
      const expected = sample.registers(from);
      const found = Object.fromEntries([...text.matchAll(new RegExp(`^${tid} (\\S+) ([0-9a-f]+)$`, 'gm'))].map(([, name, value]) => [name, BigInt(`0x${value}`)]));
      t.same(found, expected, `registers of thread ${tid}`, { text });
    }
    t.match(text, /LWP 10\b[^]*LWP 12\b/, 'threads');
    t.match(text, /0x100010:\s+"text in memory"/, 'memory');
    t.match(text, /AT_PAGESZ +System page size +4096[^]*AT_ENTRY +Entry point of program +0x401000/, 'auxiliary vector');
    t.match(text, /0x104000 +0x106000 +0x2000 +0x0 +\/bin\/prog/, 'mapped files');
  });
}
