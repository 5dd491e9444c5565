// Benchmarks of the image commands beside crit. See e2e/bench/images.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { bundleScript, environmentWithoutCertificates } from './bundle-script.mjs';

const bundle = await bundleScript('e2e/bench/images.ts', 'e2e/dist/bench-images.mjs');
for (const folder of ['wasm', 'packages/images']) {
  const built = spawnSync(process.execPath, ['tools/bundle.mjs', folder], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}
process.exit(spawnSync(process.execPath, [bundle, ...process.argv.slice(2)], { stdio: 'inherit', env: environmentWithoutCertificates() }).status ?? 1);
