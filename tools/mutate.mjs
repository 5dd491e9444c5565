// Restores mutated image sets: a typed error or a correct restore must come of each. See e2e/mutate/main.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const outfile = 'e2e/dist/mutate.mjs';
await build({
  entryPoints: ['e2e/mutate/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  external: ['koffi', 'esbuild'],
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  logLevel: 'warning',
});
const run = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(run.status ?? 1);
