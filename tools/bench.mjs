// Benchmarks of the built command, against a peer where CRIU=path names one. See e2e/bench/main.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { bundleScript, environmentWithoutCertificates } from './bundle-script.mjs';

const bundle = await bundleScript('e2e/bench/main.ts', 'e2e/dist/bench.mjs');
const run = spawnSync('unshare', ['--mount', '--propagation', 'private', process.execPath, bundle, ...process.argv.slice(2)], { stdio: 'inherit', env: environmentWithoutCertificates() });
process.exit(run.status ?? 1);
