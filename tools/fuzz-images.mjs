// Hostile inputs for the decoders of packages/images. See packages/images/src/testing/fuzz/main.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { bundleScript, environmentWithoutCertificates } from './bundle-script.mjs';

await bundleScript('packages/images/src/testing/fuzz/worker.ts', 'packages/images/dist/fuzz/fuzz-images-worker.mjs');
const bundle = await bundleScript('packages/images/src/testing/fuzz/main.ts', 'packages/images/dist/fuzz/fuzz-images.mjs');
process.exit(spawnSync(process.execPath, [bundle, ...process.argv.slice(2)], { stdio: 'inherit', env: environmentWithoutCertificates() }).status ?? 1);
