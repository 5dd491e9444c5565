// Runs inputs in a thread of its own: the main thread sees by the shared words which input it is at, and since when.
import { readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { inputOf } from './targets.js';

/** What the main thread hands over. */
export interface Work {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** number of the input, and how many were begun */
  readonly shared: SharedArrayBuffer;
  /** bytes over what the process has before an input */
  readonly room: number;
}

export type Message = { readonly failed: number; readonly target: string; readonly why: string } | { readonly done: number; readonly peak: number } | { readonly finished: true };

/** Inputs whose memory is looked at together; alone where together they took too much. */
const BATCH = 50;
/** so many inputs until everything that is kept for good is there */
const WARM_UP = 300;

const { seed, from, to, shared, room } = workerData as Work;
const at = new Int32Array(shared);
const say = (message: Message): void => parentPort!.postMessage(message);
const collect = (globalThis as { gc?: () => void }).gc!;

/** KiB of a line in /proc/self/status. */
const status = (line: string): number => Number(new RegExp(`${line}:\\s*(\\d+)`).exec(readFileSync('/proc/self/status', 'latin1'))![1]);

/** Bytes that the process has. Garbage counts as used before it is collected. */
function resident(): number {
  collect();
  return status('VmRSS') * 1024;
}

/** The peak since the last time (proc(5), clear_refs). */
function peak(): number {
  const bytes = status('VmHWM') * 1024;
  writeFileSync('/proc/self/clear_refs', '5');
  return bytes;
}

async function one(index: number): Promise<void> {
  Atomics.store(at, 0, index);
  Atomics.add(at, 1, 1);
  const { target, random } = inputOf(seed, index);
  try {
    await target.run(random);
  } catch (error) {
    say({ failed: index, target: target.name, why: (error as Error).stack ?? String(error) });
  }
}

process.on('unhandledRejection', (error) => {
  say({ failed: at[0]!, target: 'unhandled rejection', why: String((error as Error).stack) });
});

for (let index = 0; index < WARM_UP; index++) await one(to + index);
let most = 0;
for (let first = from; first < to; first += BATCH) {
  const end = Math.min(first + BATCH, to);
  const before = resident();
  peak();
  for (let index = first; index < end; index++) await one(index);
  let grown = peak() - before;
  if (grown > room) {
    grown = 0;
    for (let index = first; index < end; index++) {
      const start = resident();
      peak();
      await one(index);
      const alone = peak() - start;
      if (alone > room) say({ failed: index, target: inputOf(seed, index).target.name, why: `it takes ${(alone / 2 ** 20).toFixed(0)} MiB` });
      grown = Math.max(grown, alone);
    }
  }
  most = Math.max(most, grown);
  say({ done: end - first, peak: most });
}
say({ finished: true });
