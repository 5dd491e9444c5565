// Bundles a package with esbuild. Usage: node tools/bundle.mjs FOLDER
//   A library: every entry of `exports` that has a source, to where `default` points (ESM; dependencies stay outside).
//   The programs: see tools/bundle-cli.mjs and tools/bundle-images.mjs.
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundleImagesProgram } from './bundle-images.mjs';

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

const outdir = path.join(folder, 'dist');
rmSync(path.join(outdir, 'chunks'), { recursive: true, force: true });
await build({
  entryPoints: entries(),
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
if (folder === 'packages/images') await bundleImagesProgram();
