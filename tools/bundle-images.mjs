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

const outdir = 'packages/images/dist';
const common = {
  outdir,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  logLevel: 'warning',
};

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
    entryPoints: { codec: 'packages/images/src/program/codec.ts', program: 'packages/images/src/program/main.ts' },
    plugins: [lateZlib],
    // A script that vm compiled can't import; what is imported late is required late.
    supported: { 'dynamic-import': false },
    // What the launcher calls.
    banner: { js: '(function (require, __dirname) {' },
    footer: { js: '})' },
    // The launcher reads it as latin1, which is quickest.
    charset: 'ascii',
    legalComments: 'inline',
    minifySyntax: true,
    minifyWhitespace: true,
  });
  await build({
    ...common,
    entryPoints: { 'criu-images': 'packages/images/src/program/launch.ts' },
    banner: { js: '#!/usr/bin/env node' },
    minifySyntax: true,
    minifyWhitespace: true,
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
      const entries = Array.from({ length: count }, (_, i) => ({ vaddr: 2 ** 46 + 8192 * i, compat_nr_pages: 0, flags: 4, nr_pages: 1 + i }));
      const [json, image] = [path.join(dir, 'pagemap.json'), path.join(dir, 'pagemap-1.img')];
      writeFileSync(json, JSON.stringify({ magic: 'PAGEMAP', entries: [{ pages_id: 1 }, ...entries] }));
      for (const args of [['encode', '-i', json, '-o', image], ['decode', '-i', image, '-o', json], ['info', image]]) {
        const env = { ...process.env, CRIU_TS_WRITE_CODE_CACHE: '1' };
        const run = spawnSync(process.execPath, [path.join(outdir, 'criu-images.cjs'), ...args], { env, encoding: 'utf8' });
        if (run.status !== 0) throw new Error(`the built program does not run: ${run.stderr}`);
      }
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
