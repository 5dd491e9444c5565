// Benchmarks of the built command, against a peer where CRIU=path names one. See e2e/bench/main.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const outfile = 'e2e/dist/bench.mjs';
await build({
  entryPoints: ['e2e/bench/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  external: ['koffi'],
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});
const env = { ...process.env };
delete env.NODE_EXTRA_CA_CERTS; // reading certificates costs node more than a restore
const run = spawnSync('unshare', ['--mount', '--propagation', 'private', process.execPath, outfile, ...process.argv.slice(2)], { stdio: 'inherit', env });
process.exit(run.status ?? 1);
