// usage: node tools/fuzz-images.mjs [--inputs N] [--seed N] [--from N] [--only N] [--workers N] [--time-limit SECONDS]
// Hostile inputs for everything in packages/images that reads: what ends otherwise than in a result or a typed error, takes
// longer than the limit, or more than 64 MiB over what the process has before, is printed with the numbers that repeat it.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { inputOf } from './targets.js';
import type { Message, Work } from './worker.js';

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    from: { type: 'string', default: '0' },
    only: { type: 'string' },
    workers: { type: 'string', default: '2' },
    'time-limit': { type: 'string', default: '10' },
    part: { type: 'string' },
  },
});
const seed = Number(values.seed);
const limit = Number(values['time-limit']);
const ROOM = 64 * 2 ** 20;
/** Failures after which there is no use in going on. */
const ENOUGH = 50;

if (values.only !== undefined) {
  const { target, random } = inputOf(seed, Number(values.only));
  console.log(`seed ${seed}, input ${values.only}: ${target.name}`);
  await target.run(random);
} else if (values.part !== undefined) {
  const [from, to] = values.part.split('-').map(Number) as [number, number];
  runPart(from, to);
} else await runAll();

/** Processes, so that each one's memory is its own. */
async function runAll(): Promise<void> {
  const [from, inputs, workers] = [Number(values.from), Number(values.inputs), Number(values.workers)];
  console.log(`seed ${seed}, inputs ${from} to ${from + inputs - 1}, ${workers} processes`);
  const begin = Date.now();
  let done = 0;
  let failures = 0;
  let peak = 0;
  let told = 0;
  const each = Math.ceil(inputs / workers);
  const parts = Array.from({ length: workers }, async (_, i) => {
    const first = from + i * each;
    const child = fork(fileURLToPath(import.meta.url), ['--seed', String(seed), '--time-limit', String(limit), '--part', `${first}-${Math.min(first + each, from + inputs)}`], { execArgv: ['--expose-gc', '--max-semi-space-size=4'] });
    child.on('message', (message: Message) => {
      if ('finished' in message) return;
      if ('failed' in message) {
        console.log(`FAILED: --seed ${seed} --only ${message.failed} (${message.target}): ${message.why}`);
        if (++failures >= ENOUGH) process.exit(1);
        return;
      }
      done += message.done;
      peak = Math.max(peak, message.peak);
      if (done - told < 50_000) return;
      told = done;
      console.log(`${done} inputs, ${failures} failures, ${((Date.now() - begin) / 1000).toFixed(0)} s, ${(peak / 2 ** 20).toFixed(0)} MiB more at most`);
    });
    const code = await new Promise((resolve) => child.on('exit', (exit, signal) => resolve(exit ?? signal)));
    if (code !== 0) {
      failures++;
      console.log(`FAILED: a process ended with ${String(code)}`);
    }
  });
  await Promise.all(parts);
  console.log(`${done} inputs, ${failures} failures, ${((Date.now() - begin) / 1000).toFixed(0)} s, ${(peak / 2 ** 20).toFixed(1)} MiB more at most`);
  process.exitCode = failures === 0 && done === inputs ? 0 : 1;
}

/** The inputs of one process, in a thread that is given up where it hangs. */
function runPart(from: number, to: number): void {
  const shared = new SharedArrayBuffer(8);
  const at = new Int32Array(shared);
  const work: Work = { seed, from, to, shared, room: ROOM };
  const worker = new Worker(new URL('./fuzz-images-worker.mjs', import.meta.url), { workerData: work });
  worker.on('message', (message: Message) => {
    if (!('finished' in message)) process.send!(message);
    else {
      clearInterval(watch);
      process.disconnect();
    }
  });
  worker.on('error', (error) => {
    process.send!({ failed: at[0]!, target: 'the thread ended', why: error.stack ?? String(error) });
    process.exitCode = 1;
    process.disconnect();
  });
  let begun = -1;
  let since = Date.now();
  const watch = setInterval(() => {
    const now = Atomics.load(at, 1);
    if (now !== begun) [begun, since] = [now, Date.now()];
    else if (Date.now() - since > limit * 1000) {
      const hung = Atomics.load(at, 0);
      process.send!({ failed: hung, target: inputOf(seed, hung).target.name, why: `it takes longer than ${limit} s` });
      void worker.terminate().then(() => {
        if (hung + 1 < to && hung >= from) runPart(hung + 1, to);
        else process.disconnect();
      });
      clearInterval(watch);
    }
  }, 200);
}
