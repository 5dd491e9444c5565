// Bundles the *.test.ts files below FOLDER with esbuild and runs the bundles with tap.
// usage: node tools/test.mjs FOLDER [FILTER]     FILTER: a substring of the test file's path
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const [folder = '.', filter = ''] = process.argv.slice(2);
const skipped = new Set(['node_modules', 'dist', 'gen', '.nx', '.tap']);

/** Every *.test.ts below `dir`, without build output. */
function* testFiles(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) {
      if (!skipped.has(entry.name)) yield* testFiles(file);
    } else if (entry.name.endsWith('.test.ts') && file.includes(filter)) yield file;
  }
}

const entryPoints = [...testFiles(folder)].sort();
if (entryPoints.length === 0) {
  console.error(`no tests below ${folder} match '${filter}'`);
  process.exit(2);
}
const outdir = path.join(folder, 'dist/test');
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints,
  outdir,
  outbase: folder,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  external: ['koffi', 'tap'],
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});
const bundles = entryPoints.map((file) => path.join(outdir, path.relative(folder, file).replace(/\.ts$/, '.mjs')));
const tap = path.resolve('node_modules/.bin/tap');
const run = spawnSync(tap, ['run', ...bundles], { stdio: 'inherit' });
process.exit(run.status ?? 1);
