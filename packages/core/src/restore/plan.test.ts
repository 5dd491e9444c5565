import { BLOB } from '@criu-ts/tracee';
import t from 'tap';
import { PARKING, planRestore } from './plan.js';
import type { TaskImages } from './run.js';

const task = (pid: number, ppid: number, ...vmas: (readonly [number, number])[]): TaskImages =>
  ({ pid, name: { pid }, ids: { filesId: pid, fsId: pid }, tree: { pid, ppid, pgid: pid, sid: pid, threads: [pid] }, mm: { vmas: vmas.map(([start, end]) => ({ start: BigInt(start), end: BigInt(end) })) } }) as unknown as TaskImages;

const FIRST = 0x100_0000_0000;
const size = BLOB.size + PARKING;

t.test('the blob gets a hole that all processes have', (t) => {
  for (const [name, tasks, blob] of [
    ['nobody is near', [task(1, 0, [0x40_0000, 0x41_0000])], FIRST],
    ['one is in the way', [task(1, 0, [FIRST, FIRST + 0x1000])], FIRST + 0x1000],
    ['one reaches in', [task(1, 0, [FIRST - 0x1000, FIRST + 0x3000])], FIRST + 0x3000],
    ['each leaves half of a hole', [task(1, 0, [FIRST, FIRST + 0x1000]), task(2, 1, [FIRST + size, FIRST + size + 0x1000])], FIRST + size + 0x1000],
    ['thousands alternate', [0, 1].map((own) => task(1 + own, own, ...Array.from({ length: 5000 }, (_, i) => [FIRST + (2 * i + own) * size, FIRST + (2 * i + own + 1) * size] as const))), FIRST + 10_000 * size],
    ['just large enough', [task(1, 0, [FIRST - 0x1000, FIRST], [FIRST + size, FIRST + 2 * size])], FIRST],
  ] as const) t.equal(planRestore(tasks).blob, blob, name);
  t.end();
});

t.test('trees that can not be', (t) => {
  t.throws(() => planRestore([task(2, 1), task(1, 0)]), { code: 'image-corrupt' }, 'a child before its parent');
  t.throws(() => planRestore([task(1, 0), task(1, 0)]), { code: 'image-corrupt' }, 'a process twice');
  t.throws(() => planRestore([task(1, 0, [FIRST, 0x7fff_ffff_f000])]), { code: 'host-address-space' }, 'no room anywhere');
  t.end();
});
