// Every check there is, by Nx: what did not change since the last time is not run again.
// Ends with "N passed, N failed[, N skipped]", counted from the TAP of all tests; a project whose tests could not even
// run counts as one that failed. Exits 1 when any failed, or when a step broke.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

const steps = [
  { name: 'build', targets: ['generate', 'bundle', 'typecheck'] },
  { name: 'check', targets: ['lint', 'proto-check', 'abi-check'] },
  { name: 'test', targets: ['test'] },
];

/** Folders of projects that have tests. */
function testedFolders() {
  const folders = ['wasm', 'tools', 'e2e', ...readdirSync('packages').map((name) => `packages/${name}`)];
  return folders.filter((folder) => {
    const manifest = path.join(folder, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).nx?.targets?.test !== undefined;
  });
}

const resultsOf = (folder) => path.join(folder, 'dist/test/results.json');
// Of an earlier run; Nx puts those back whose tests need not run again.
for (const folder of testedFolders()) rmSync(resultsOf(folder), { force: true });

const nx = path.resolve('node_modules/.bin/nx');
const broken = [];
for (const { name, targets } of steps) {
  const start = performance.now();
  const run = spawnSync(nx, ['run-many', '-t', ...targets, '--nx-bail=false', '--output-style=static'], { stdio: 'inherit' });
  console.log(`step ${name}: ${run.status === 0 ? 'done' : 'BROKEN'} after ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  if (run.status !== 0) broken.push(name);
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const folder of testedFolders()) {
  const file = resultsOf(folder);
  const count = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { passed: 0, failed: 1, skipped: 0, failures: ['the tests could not be run'], skips: [] };
  for (const key of Object.keys(total)) total[key] += count[key];
  console.log(`${folder}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  for (const failure of count.failures) console.log(`  not ok: ${failure.split('\n')[0]}`);
  for (const skip of count.skips) console.log(`  skipped: ${skip}`);
}
if (broken.length > 0) console.log(`broken steps: ${broken.join(', ')}`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exit(total.failed > 0 || broken.length > 0 ? 1 : 0);
