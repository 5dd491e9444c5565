import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { runMutations } from './run.js';

// A small part of `node tools/mutate.mjs --sets 10000`, with a seed that stays: who changes the code sees what they changed.

t.setTimeout(420_000);

t.test('mutated image sets: a typed error or a correct restore', { skip: skipReason() }, async (t) => {
  const seed = 46;
  const { done, outcomes, failures, ms } = await runMutations({ seed, from: 0, sets: 500, timeLimitMs: 30_000, maxFailures: 3 });
  for (const { index, set, what, problem } of failures) t.fail(`set ${index} (${set}): ${what}`, { problem, again: `node tools/mutate.mjs --seed ${seed} --from ${index} --sets 1` });
  t.equal(done, 500, `${done} sets in ${(ms / 1000).toFixed(0)} s, seed ${seed}`);
  t.ok((outcomes.get('restored') ?? 0) > 50, `${outcomes.get('restored')} came back all the same`);
  t.ok((outcomes.get('image-corrupt') ?? 0) > 50, `${outcomes.get('image-corrupt')} were found to be corrupt`);
});
