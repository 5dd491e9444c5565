// Builds the program of packages/images, dist:
//   criu-images.cjs   what is executed: a launcher
//   codec.cjs         decode and encode, which are called by the hundreds
//   program.cjs       all commands
//   codec.cache …     V8's code caches of them
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { cachedBundleOptions, programOptions } from './program-options.mjs';

const outdir = 'packages/images/dist';
const common = programOptions(outdir);

/** Loading it takes a millisecond or two, and only archives of a tmpfs need it. */
const lateZlib = {
  name: 'late-zlib',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:zlib$/ }, () => ({ path: 'zlib', namespace: 'late' }));
    onLoad({ filter: /./, namespace: 'late' }, () => ({ contents: "export const gunzipSync = (...args) => require('zlib').gunzipSync(...args);" }));
  },
};

export async function bundleImagesProgram() {
  await build({
    ...common,
    ...cachedBundleOptions,
    entryPoints: { codec: 'packages/images/src/program/codec.ts', program: 'packages/images/src/program/main.ts' },
    plugins: [lateZlib],
    banner: { js: '(function (require, __dirname) {' },
    legalComments: 'inline',
  });
  await build({
    ...common,
    entryPoints: { 'criu-images': 'packages/images/src/program/launch.ts' },
    banner: { js: '#!/usr/bin/env node' },
  });
  chmodSync(path.join(outdir, 'criu-images.cjs'), 0o755);
  for (const name of ['codec', 'program']) rmSync(path.join(outdir, `${name}.cache`), { force: true });
  warm();
}

/** The cache holds what has run so far, and every run adds to it: both directions, images large and small. */
function warm() {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-warm-'));
  try {
    for (const count of [3, 3000]) {
      for (const image of [pagemap(count), mm(count)]) {
        const file = (ending) => path.join(dir, `${image.magic.toLowerCase()}-1.${ending}`);
        writeFileSync(file('json'), JSON.stringify(image));
        for (const args of [['encode', '-i', file('json'), '-o', file('img')], ['decode', '-i', file('img'), '-o', file('json')], ['info', file('img')]]) {
          const env = { ...process.env, CRIU_TS_WRITE_CODE_CACHE: '1' };
          const run = spawnSync(process.execPath, [path.join(outdir, 'criu-images.cjs'), ...args], { env, encoding: 'utf8' });
          if (run.status !== 0) throw new Error(`the built program does not run: ${run.stderr}`);
        }
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const place = (i) => 2 ** 46 + 8192 * i;

function pagemap(count) {
  return { magic: 'PAGEMAP', entries: [{ pages_id: 1 }, ...Array.from({ length: count }, (_, i) => ({ vaddr: place(i), compat_nr_pages: 0, flags: 4, nr_pages: 1 + i }))] };
}

function mm(count) {
  const addresses = ['mm_start_code', 'mm_end_code', 'mm_start_data', 'mm_end_data', 'mm_start_stack', 'mm_start_brk', 'mm_brk', 'mm_arg_start', 'mm_arg_end', 'mm_env_start', 'mm_env_end'];
  const vmas = Array.from({ length: count }, (_, i) => ({ start: place(i), end: place(i) + 4096, pgoff: 0, shmid: 0, prot: 3, flags: 34, status: 513, fd: -1 }));
  return { magic: 'MM', entries: [{ ...Object.fromEntries(addresses.map((name) => [name, 0])), exe_file_id: 1, vmas, mm_saved_auxv: [6, 4096], aios: [] }] };
}
