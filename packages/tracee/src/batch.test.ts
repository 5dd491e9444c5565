// Batches against a runner that only pretends: what lies where when the puppet would run.
import t from 'tap';
import { Memory } from '@criu-ts/kernel/sys';
import { Batch, BatchBuffers, BatchFailed, Ref, type BatchRunner } from './batch.js';

const OPS = 0x1000;
const DATA = 0x2000;
const CAPACITY = 8;
const DATA_SIZE = 256;
const OP_SIZE = 72;

interface Call {
  readonly nr: number;
  readonly expect: number;
  readonly references: number;
  readonly args: readonly bigint[];
  /** What the arguments are when the call is made. */
  readonly values: readonly bigint[];
  /** NUL-terminated, at the first argument */
  readonly text: string;
}

/** Calls in the order in which they run; each returns its number, or what `result` says. */
function pretend(result: (nr: number) => number = (nr) => nr, withSpare = false): { batch: Batch; calls: Call[]; runs: number[] } {
  const remote = { ops: new Memory(CAPACITY * OP_SIZE), data: new Memory(DATA_SIZE) };
  const calls: Call[] = [];
  const runs: number[] = [];
  /** Of what was started; it runs when it is waited for: as late as can be. */
  let started: number | undefined;
  const runner: BatchRunner = {
    area: { ops: OPS, opsCapacity: CAPACITY, data: DATA, dataSize: DATA_SIZE },
    write: (at, memory, length) => (at === OPS ? remote.ops : remote.data).bytes.set(memory.bytes.subarray(0, length)),
    read: (_, memory, length) => memory.bytes.set(remote.ops.bytes.subarray(0, length)),
    start(count) {
      if (started !== undefined) throw new Error('it still runs');
      runs.push(count);
      started = count;
    },
    finish() {
      const count = started ?? 0;
      started = undefined;
      return run(count);
    },
  };
  const run = (count: number): number => {
    const { view } = remote.ops;
    const results: number[] = [];
    for (let i = 0; i < count; i++) {
      const at = i * OP_SIZE;
      const args = Array.from({ length: 6 }, (_, n) => view.getBigInt64(at + 8 + 8 * n, true));
      const first = Number(args[0]) - DATA;
      const text = first >= 0 && first < DATA_SIZE ? remote.data.bytes.subarray(first, remote.data.bytes.indexOf(0, first)) : new Uint8Array();
      const nr = view.getUint32(at, true);
      const expect = view.getUint16(at + 4, true);
      const references = view.getUint16(at + 6, true);
      const values = args.map((arg, n) => ((references >> n) & 1 ? BigInt(results[Number(arg & 0xffff_ffffn)] as number) + (arg >> 32n) : arg));
      const value = result(nr);
      results.push(value);
      view.setBigInt64(at + 64, BigInt(value), true);
      calls.push({ nr, expect, references, args, values, text: Buffer.from(text).toString() });
      if ((expect === 1 && value < 0) || (expect === 2 && BigInt(value) !== view.getBigInt64(at + 56, true))) return i;
    }
    return count;
  };
  const buffers = (): BatchBuffers => new BatchBuffers(CAPACITY * OP_SIZE, DATA_SIZE);
  return { batch: new Batch(runner, buffers(), withSpare ? buffers() : undefined), calls, runs };
}

t.test('arguments as 64-bit words', async (t) => {
  const rows: [value: number | bigint, word: bigint][] = [
    [0, 0n],
    [-1, -1n],
    [-4096, -4096n],
    [0x7fff_ffff, 0x7fff_ffffn],
    [0x8000_0000, 0x8000_0000n],
    [0xffff_ffff, 0xffff_ffffn],
    [0x7fff_dead_b000, 0x7fff_dead_b000n],
    [-0x1_0000_0001, -0x1_0000_0001n],
    [0xffff_ffff_ffff_ffffn, -1n],
  ];
  const { batch, calls } = pretend();
  for (const [value] of rows) batch.call(1, value);
  batch.run();
  for (const [i, [value, word]] of rows.entries()) t.equal(calls[i]?.args[0], word, String(value));
});

t.test('references are relative to the run, or values where their call has run', async (t) => {
  const { batch, calls, runs } = pretend();
  const first = batch.call(100);
  batch.call(101, 0, first.plus(3), first);
  t.equal(first.plus(3).plus(4).addend, 7);
  for (let i = 0; i < CAPACITY; i++) batch.call(102);
  const late = batch.call(103, first.plus(5));
  batch.call(104, late);
  batch.run();
  t.same(runs, [CAPACITY, 4]);
  t.match(calls[1], { references: 0b110, args: [0n, 3n << 32n, 0n] });
  t.match(calls[10], { nr: 103, references: 0, args: [105n] });
  t.match(calls[11], { nr: 104, references: 1, args: [2n] });
  t.equal(batch.result(late), 103);
  t.throws(() => batch.result(new Ref(12)), /has not run/);
});

t.test('data is there when its call runs, however they overflow', async (t) => {
  for (let size = 1; size < 120; size += 7) {
    const { batch, calls } = pretend();
    const wanted: string[] = [];
    for (let i = 0; i < 100; i++) {
      const text = `${i}:`.padEnd(3 + ((i * size) % 110), '=');
      wanted.push(text);
      batch.call(i, batch.string(text));
      if (i % 3 === 0) {
        wanted.push('');
        batch.call(i);
      }
    }
    batch.run();
    t.same(calls.map(({ text }) => text), wanted, `steps of ${size}`);
  }
});

t.test('with spare buffers the next calls are built while the puppet is at the last ones', async (t) => {
  for (let size = 1; size < 120; size += 7) {
    const { batch, calls, runs } = pretend((nr) => 1000 + nr, true);
    const wanted: [text: string, argument: bigint][] = [];
    const first = batch.call(0);
    wanted.push(['', 0n]);
    let before = first;
    for (let i = 1; i < 100; i++) {
      const text = `${i}:`.padEnd(3 + ((i * size) % 110), '=');
      wanted.push([text, BigInt(i % 3 === 0 ? 1000 : 999 + i)]);
      before = batch.call(i, batch.string(text), i % 3 === 0 ? first : before);
    }
    t.ok(runs.length > 10 && calls.length < 100, 'the last ones are still to come');
    batch.run();
    t.equal(runs.reduce((sum, count) => sum + count), 100);
    t.same(calls.map(({ text, values }) => [text, values[1]]), wanted, `steps of ${size}`);
    t.equal(batch.result(before), 1099);
  }
});

t.test('a failure while the next calls are being built', async (t) => {
  const { batch, calls, runs } = pretend((nr) => (nr === 7 ? -2 : nr), true);
  for (let i = 0; i < CAPACITY; i++) batch.doing(`first ${i}`).call(i);
  const goOn = (): void => {
    for (let i = 0; ; i++) batch.doing('behind').call(100 + i);
  };
  t.throws(goOn, { message: /ENOENT/, doing: 'first 7' });
  t.equal(calls.length, CAPACITY);
  batch.run();
  t.same(runs, [CAPACITY], 'what was built behind it never runs');
});

t.test('room keeps data and calls together', async (t) => {
  const { batch, runs } = pretend();
  for (let i = 0; i < 6; i++) batch.call(1, batch.bytes(new Uint8Array(16)));
  batch.room(2, 16);
  t.same(runs, []);
  batch.room(3, 16);
  t.same(runs, [6]);
  t.equal(batch.dataLeft, DATA_SIZE);
  const one = batch.bytes(new Uint8Array(200));
  t.throws(() => batch.bytes(new Uint8Array(100)), RangeError, 'what no call has taken stays where it is');
  t.equal(one, DATA);
});

t.test('a failure', async (t) => {
  const { batch, calls, runs } = pretend((nr) => (nr === 7 ? -2 : nr));
  batch.attempt(7);
  const before = batch.doing('this').call(5);
  batch.call(7);
  const behind = batch.doing('that').call(8);
  const caught: unknown[] = [];
  try {
    batch.run();
  } catch (error) {
    caught.push(error);
  }
  t.type(caught[0], BatchFailed);
  t.match(caught[0], { errnoName: 'ENOENT', doing: 'this' });
  t.equal(batch.result(before), 5);
  t.throws(() => batch.result(behind), /has not run/);
  t.equal(calls.length, 3);
  batch.run();
  t.same(runs, [4], 'nothing is left to be run');
});
