import t from 'tap';
import type { CriuEvent } from './events.js';
import type { CommonOptions } from './options.js';
import { emitter, runStages, type Stage } from './stage.js';

const stages = (...names: string[]): Stage<string[]>[] => names.map((name) => ({ name, because: 'of the test', run: (log) => void log.push(name) }));

t.test('runs stages in order and tells begin and end of each', async (t) => {
  const events: CriuEvent[] = [];
  const options: CommonOptions = { imagesDir: '', onEvent: (event) => events.push(event) };
  const log: string[] = [];
  await runStages(stages('a', 'b'), log, options, emitter(options, performance.now()));
  t.same(log, ['a', 'b']);
  t.same(events.map((event) => ('stage' in event ? `${event.type} ${event.stage}` : event.type)), ['stage-begin a', 'stage-end a', 'stage-begin b', 'stage-end b']);
});

t.test('a listener that throws is its own affair', async (t) => {
  const options: CommonOptions = {
    imagesDir: '',
    onEvent: () => {
      throw new Error('of the listener');
    },
  };
  const log: string[] = [];
  await runStages(stages('a'), log, options, emitter(options, 0));
  t.same(log, ['a']);
});

t.test('a stage that fails is told as failed, and ends the run', async (t) => {
  const events: CriuEvent[] = [];
  const options: CommonOptions = { imagesDir: '', onEvent: (event) => events.push(event) };
  const broken: Stage<string[]> = {
    name: 'broken',
    because: 'of the test',
    run: () => {
      throw new Error('broken');
    },
  };
  const log: string[] = [];
  await t.rejects(runStages([...stages('a'), broken, ...stages('b')], log, options, emitter(options, 0)), { message: 'broken' });
  t.same(log, ['a']);
  t.match(events.at(-1), { type: 'stage-end', stage: 'broken', failed: true });
});

t.test('an abort is noticed between stages', async (t) => {
  const abort = new AbortController();
  const log: string[] = [];
  const first: Stage<string[]> = { name: 'first', because: 'of the test', run: () => abort.abort(new Error('enough')) };
  await t.rejects(runStages([first, ...stages('second')], log, { imagesDir: '', signal: abort.signal }, () => undefined), { message: 'enough' });
  t.same(log, []);
});

t.test('fault points: one that throws, one that is unknown', async (t) => {
  const log: string[] = [];
  await t.rejects(runStages(stages('a', 'b'), log, { imagesDir: '', faultPoint: { stage: 'a', action: 'throw' } }, () => undefined), { code: 'bug' });
  t.same(log, ['a'], 'at the end of its stage');
  await t.rejects(runStages(stages('a'), log, { imagesDir: '', faultPoint: { stage: 'x', action: 'throw' } }, () => undefined), { message: /there is no stage x/ });
});
