import t from 'tap';
import { cutOut, cutRuns, firstBehind, intersect, type PageSet, sizeOf, subtract, unite } from './page-set.js';

const rows: readonly { readonly name: string; readonly a: PageSet; readonly b: PageSet; readonly both: PageSet; readonly onlyA: PageSet; readonly any: PageSet }[] = [
  { name: 'nothing', a: [], b: [], both: [], onlyA: [], any: [] },
  { name: 'nothing in one', a: [1, 3], b: [], both: [], onlyA: [1, 3], any: [1, 3] },
  { name: 'the same', a: [1, 3], b: [1, 3], both: [1, 3], onlyA: [], any: [1, 3] },
  { name: 'neighbours', a: [1, 3], b: [3, 5], both: [], onlyA: [1, 3], any: [1, 5] },
  { name: 'one in the other', a: [1, 9], b: [3, 5], both: [3, 5], onlyA: [1, 3, 5, 9], any: [1, 9] },
  { name: 'over the ends', a: [3, 5, 7, 9], b: [1, 4, 8, 12], both: [3, 4, 8, 9], onlyA: [4, 5, 7, 8], any: [1, 5, 7, 12] },
  { name: 'one over several', a: [2, 4, 6, 8, 10, 12], b: [3, 11], both: [3, 4, 6, 8, 10, 11], onlyA: [2, 3, 11, 12], any: [2, 12] },
];

for (const { name, a, b, both, onlyA, any } of rows) {
  t.test(name, async (t) => {
    t.same(intersect(a, b), both, 'in both');
    t.same(intersect(b, a), both, 'in both, the other way round');
    t.same(subtract(a, b), onlyA, 'in one only');
    t.same(unite([b, a]), any, 'in any');
    t.equal(sizeOf(any), sizeOf(onlyA) + sizeOf(b), 'sizes');
  });
}

t.test('runs are cut, and know where their parts are stored', async (t) => {
  const runs = [
    { address: 10, length: 10, offset: 100 },
    { address: 30, length: 5, offset: 110 },
  ];
  t.same(cutRuns(runs, [0, 12, 14, 16, 18, 31, 34, 90]), [
    { address: 10, length: 2, offset: 100 },
    { address: 14, length: 2, offset: 104 },
    { address: 18, length: 2, offset: 108 },
    { address: 30, length: 1, offset: 110 },
    { address: 34, length: 1, offset: 114 },
  ]);
});

t.test('a range is cut out of runs', async (t) => {
  const runs = [
    { address: 10, length: 10, offset: 0 },
    { address: 30, length: 10, offset: 10 },
    { address: 40, length: 5, offset: 20 },
  ];
  t.same([9, 10, 19, 20, 30, 44, 45].map((address) => firstBehind(runs, address)), [0, 0, 0, 1, 1, 2, 3]);
  t.equal(firstBehind([], 1), 0);
  for (const [start, end] of [[0, 10], [20, 30], [45, 99], [22, 25]] as const) t.equal(cutOut(runs, start, end), runs, `nothing at ${start}`);
  t.same(cutOut(runs, 10, 20), runs.slice(1));
  t.same(cutOut(runs, 0, 99), []);
  t.same(cutOut(runs, 44, 46), [runs[0], runs[1], { address: 40, length: 4, offset: 20 }]);
  t.same(cutOut(runs, 12, 32), [{ address: 10, length: 2, offset: 0 }, { address: 32, length: 8, offset: 12 }, runs[2]]);
  t.same(cutOut(runs, 33, 35), [runs[0], { address: 30, length: 3, offset: 10 }, { address: 35, length: 5, offset: 15 }, runs[2]]);
});
