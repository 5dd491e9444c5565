// Bundles a package with esbuild. Usage: node tools/bundle.mjs FOLDER
//   A library: every entry of `exports` that has a source, to where `default` points (ESM; dependencies stay outside).
//   The command line: see tools/bundle-cli.mjs.
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const folder = process.argv[2];
const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** { 'sys/index': 'packages/kernel/src/sys/index.ts' }: output without its ending → source. */
function entries() {
  const found = {};
  for (const entry of Object.values(manifest.exports ?? {})) {
    const source = entry['@criu-ts/source'];
    const output = /^\.\/dist\/(.+)\.js$/.exec(entry.default ?? '')?.[1];
    if (source !== undefined && output !== undefined) found[output] = path.join(folder, source);
  }
  return found;
}

/** The programs: `bin` says dist/NAME.js, the source is src/NAME.ts. */
function bins() {
  const found = {};
  for (const output of Object.values(manifest.bin ?? {})) {
    const name = /^(?:\.\/)?dist\/(.+)\.js$/.exec(output)?.[1];
    if (name !== undefined) found[name] = path.join(folder, `src/${name}.ts`);
  }
  return found;
}

const outdir = path.join(folder, 'dist');
rmSync(path.join(outdir, 'chunks'), { recursive: true, force: true });
await build({
  entryPoints: { ...entries(), ...bins() },
  outdir,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: Object.keys(manifest.dependencies ?? {}),
  sourcemap: 'linked',
  logLevel: 'warning',
});
for (const name of Object.keys(bins())) chmodSync(path.join(outdir, `${name}.js`), 0o755);
