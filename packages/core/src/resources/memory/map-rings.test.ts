import t from 'tap';
import { gaps } from './map-rings.js';

const rows: readonly { readonly name: string; readonly ranges: readonly [number, number][]; readonly wanted: readonly [number, number][] }[] = [
  { name: 'nothing', ranges: [], wanted: [[0x1_0000, 0x7fff_ffff_f000]] },
  { name: 'one', ranges: [[0x2_0000, 0x3_0000]], wanted: [[0x1_0000, 0x2_0000], [0x3_0000, 0x7fff_ffff_f000]] },
  { name: 'neighbours, in any order', ranges: [[0x3_0000, 0x4_0000], [0x2_0000, 0x3_0000]], wanted: [[0x1_0000, 0x2_0000], [0x4_0000, 0x7fff_ffff_f000]] },
  { name: 'at both ends', ranges: [[0x1_0000, 0x2_0000], [0x3_0000, 0x7fff_ffff_f000]], wanted: [[0x2_0000, 0x3_0000]] },
];

for (const { name, ranges, wanted } of rows) {
  t.test(name, async (t) => {
    t.same(gaps(ranges.map(([start, end]) => ({ start, end }))), wanted.map(([start, end]) => ({ start, end })));
  });
}
