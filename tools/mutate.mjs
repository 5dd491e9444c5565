// Restores mutated image sets: a typed error or a correct restore must come of each. See e2e/mutate/main.ts for its arguments.
import { spawnSync } from 'node:child_process';
import { bundleScript } from './bundle-script.mjs';

const bundle = await bundleScript('e2e/mutate/main.ts', 'e2e/dist/mutate.mjs');
process.exit(spawnSync(process.execPath, [bundle, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1);
