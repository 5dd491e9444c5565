import t from 'tap';
import { planDescriptors, type WantedDescriptor } from './descriptor-plan.js';

/** What the kernel would do: numbers to files; throws where a call would give another number than the plan says. */
function follow(wanted: readonly WantedDescriptor[]): Map<number, { file: number; cloexec: boolean }> {
  const { pidfd, steps } = planDescriptors(wanted);
  const table = new Map<number, { file: number; cloexec: boolean }>([[pidfd, { file: -1, cloexec: true }]]);
  const at = (fd: number): { file: number; cloexec: boolean } => {
    const found = table.get(fd);
    if (found === undefined) throw new Error(`fd ${fd} is not open`);
    return found;
  };
  for (const step of steps) {
    switch (step.kind) {
      case 'fetch': {
        let lowest = 0;
        while (table.has(lowest)) lowest++;
        if (lowest !== step.fd) throw new Error(`pidfd_getfd gives ${lowest}, not ${step.fd}`);
        table.set(lowest, { file: step.file, cloexec: true });
        break;
      }
      case 'duplicate':
        if (table.has(step.to)) throw new Error(`fd ${step.to} would be lost`);
        table.set(step.to, { file: at(step.from).file, cloexec: step.cloexec });
        break;
      case 'inherit':
        at(step.fd).cloexec = false;
        break;
      case 'close':
        at(step.fd);
        table.delete(step.fd);
    }
  }
  at(pidfd);
  table.delete(pidfd);
  return table;
}

const expected = (wanted: readonly WantedDescriptor[]): unknown => Object.fromEntries([...wanted].map(({ fd, file, cloexec }) => [fd, { file, cloexec }]));

const want = (...list: (readonly [fd: number, file: number, cloexec?: boolean])[]): WantedDescriptor[] => list.map(([fd, file, cloexec = false]) => ({ fd, file, cloexec }));

t.test('every descriptor stands where it belongs, and nothing else does', async (t) => {
  const rows: [name: string, wanted: WantedDescriptor[]][] = [
    ['none', []],
    ['one after the other', want([0, 1], [1, 2, true], [2, 3])],
    ['holes', want([3, 1], [7, 2, true], [100, 3])],
    ['the same file, close-on-exec and not', want([0, 1, true], [1, 1], [5, 1, true])],
    ['the first of a file is not the lowest number', want([1, 9], [0, 9, true], [2, 4])],
    ['given in any order', want([9, 1], [2, 2], [0, 1], [4, 3, true])],
  ];
  for (const [name, wanted] of rows) t.same(Object.fromEntries(follow(wanted)), expected(wanted), name);
});

t.test('of whatever numbers', async (t) => {
  let seed = 4711;
  const random = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
  for (let round = 0; round < 300; round++) {
    const numbers = new Set(Array.from({ length: random(40) }, () => random(60)));
    const wanted = [...numbers].map((fd) => ({ fd, file: random(25), cloexec: random(2) === 0 }));
    t.same(Object.fromEntries(follow(wanted)), expected(wanted), JSON.stringify(wanted));
  }
});

t.test('each file is fetched once', async (t) => {
  const { steps } = planDescriptors(want([0, 1], [1, 1], [2, 2], [3, 1]));
  t.same(steps.flatMap((step) => (step.kind === 'fetch' ? [step.file] : [])), [1, 2]);
});
