// Benchmarks of the image commands beside crit. See e2e/bench/images.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const outfile = 'e2e/dist/bench-images.mjs';
await build({
  entryPoints: ['e2e/bench/images.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  logLevel: 'warning',
});
for (const folder of ['wasm', 'packages/images']) {
  const built = spawnSync(process.execPath, ['tools/bundle.mjs', folder], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}
const env = { ...process.env };
delete env.NODE_EXTRA_CA_CERTS; // reading certificates costs node tens of milliseconds
process.exit(spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit', env }).status ?? 1);
