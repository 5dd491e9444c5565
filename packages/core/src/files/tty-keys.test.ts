import t from 'tap';
import { packKeys, unpackKeys } from './tty-keys.js';

t.test('keys as the images have them', (t) => {
  const rows: { name: string; keys: number[]; numbers: number[] }[] = [
    { name: 'what a terminal usually has', keys: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0], numbers: [0x157f1c03, 0x00010004, 0x001a1311, 0x16170f12, 0] },
    { name: 'the highest bit', keys: [0, 0, 0, 255, ...Array<number>(14).fill(0), 254], numbers: [0xff000000, 0, 0, 0, 0xfe0000] },
    { name: 'none', keys: Array<number>(19).fill(0), numbers: [] },
  ];
  for (const { name, keys, numbers } of rows) {
    t.same(packKeys(keys), [...numbers, ...Array<number>(19 - numbers.length).fill(0)], name);
    t.same(unpackKeys(packKeys(keys)), keys, `${name}, and back`);
  }
  t.same(unpackKeys([1]), [1, ...Array<number>(18).fill(0)], 'images may have fewer');
  t.end();
});
