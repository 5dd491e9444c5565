// Bundles the *.test.ts files below FOLDER with esbuild and runs the bundles with tap, all in one run.
// usage: node tools/test.mjs FOLDER [FILTER]     FILTER: a substring of the test file's path     TAP=1: print all of the TAP
// Leaves FOLDER/dist/test/results.{tap,json}; tools/check.mjs adds up the latter. Its last line says how many passed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { environmentWithoutCertificates, scriptOptions } from './bundle-script.mjs';
import { countTap } from './tap-count.mjs';

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
const outdir = path.join(folder, 'dist/test');
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
if (entryPoints.length === 0) {
  console.error(`no tests below ${folder} match '${filter}'`);
  process.exit(2);
}
await build({
  entryPoints,
  outdir,
  outbase: folder,
  ...scriptOptions,
  // Packages that find their own files at run time can't be bundled.
  external: ['koffi', 'tap', 'esbuild', 'eslint', 'typescript', 'typescript-eslint', '@nx/*'],
  sourcemap: 'inline',
  outExtension: { '.js': '.mjs' },
});
const bundles = entryPoints.map((file) => path.join(outdir, path.relative(folder, file).replace(/\.ts$/, '.mjs')));

// Node's own stack traces then name the lines of the sources.
const env = { ...environmentWithoutCertificates(), NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps` };
const tapFile = path.join(outdir, 'results.tap');
const run = spawnSync(path.resolve('node_modules/.bin/tap'), ['run', '--reporter=tap', ...bundles], {
  stdio: ['ignore', openSync(tapFile, 'w'), 'inherit'],
  env,
});
const tap = readFileSync(tapFile, 'utf8');
if (process.env.TAP !== undefined) process.stdout.write(tap);

const count = countTap(tap);
// tap's own verdict counts too: what it says failed did not pass, even if the stream looks well.
if (run.status !== 0 && count.failed === 0) {
  count.failed++;
  count.failures.push(`tap ended with ${run.status ?? run.signal ?? String(run.error)}`);
}
writeFileSync(path.join(outdir, 'results.json'), `${JSON.stringify(count, null, 2)}\n`);
for (const failure of count.failures) console.log(`not ok: ${failure}`);
for (const skip of count.skips) console.log(`skipped: ${skip}`);
console.log(`${folder}: ${entryPoints.length} files, ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 ? 1 : 0);
