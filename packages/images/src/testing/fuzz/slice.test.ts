import t from 'tap';
import { inputOf, isTyped } from './targets.js';

const INPUTS = 2000;
const SEED = 1;

t.test(`${INPUTS} hostile inputs end in a result or a typed error (all of them: node tools/fuzz-images.mjs)`, async (t) => {
  for (let index = 0; index < INPUTS; index++) {
    const { target, random } = inputOf(SEED, index);
    try {
      await target.run(random);
    } catch (error) {
      t.fail(`--seed ${SEED} --only ${index} (${target.name}): ${isTyped(error) ? 'not caught: ' : ''}${(error as Error).stack}`);
    }
  }
  t.pass();
});
