// usage: node tools/mutate.mjs [--sets N] [--seed N] [--from N] [--time-limit SECONDS] [--max-failures N]
import { parseArgs } from 'node:util';
import { runMutations } from './run.js';

const { values } = parseArgs({
  options: {
    sets: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    from: { type: 'string', default: '0' },
    'time-limit': { type: 'string', default: '20' },
    'max-failures': { type: 'string', default: '20' },
  },
});
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const summary = await runMutations({ seed, from: Number(values.from), sets: Number(values.sets), timeLimitMs: Number(values['time-limit']) * 1000, maxFailures: Number(values['max-failures']), onProgress: (done) => console.log(`… ${done}`) });
for (const { index, set, what, problem } of summary.failures) console.log(`\nset ${index} (${set}): ${what}\n  ${problem.replaceAll('\n', '\n  ')}\n  again: node tools/mutate.mjs --seed ${seed} --from ${index} --sets 1`);
console.log();
for (const [code, count] of [...summary.outcomes].sort((a, b) => b[1] - a[1])) console.log(`${String(count).padStart(7)} ${code}`);
console.log(`${summary.done} mutated image sets in ${(summary.ms / 1000).toFixed(0)} s, ${summary.failures.length} failures (seed ${seed})`);
process.exit(summary.failures.length > 0 ? 1 : 0);
