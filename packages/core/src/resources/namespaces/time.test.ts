import t from 'tap';
import { split } from './time.js';

const SECOND = 1_000_000_000n;

for (const [offset, seconds, nanoseconds] of [[0n, 0n, 0n], [5n * SECOND + 7n, 5n, 7n], [-1n, -1n, SECOND - 1n], [-5n * SECOND, -5n, 0n], [-4n * SECOND - 1n, -5n, SECOND - 1n]] as const) {
  t.test(`an offset of ${offset} ns`, async (t) => void t.same(split(offset), { seconds, nanoseconds }));
}
