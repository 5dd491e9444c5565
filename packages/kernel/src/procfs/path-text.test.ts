import t from 'tap';
import { decodePath, encodePath, isPlainPath, splitDeleted, unescapeOctal } from './path-text.js';

t.test('bytes → string → bytes', async (t) => {
  const rows: [string, number[], string][] = [
    ['ASCII', [0x2f, 0x61], '/a'],
    ['UTF-8', [0xc3, 0xa4, 0xf0, 0x9f, 0x98, 0x80], 'ä😀'],
    ['Latin-1 byte', [0x61, 0xe4, 0x62], 'a\udce4b'],
    ['cut sequence', [0xf0, 0x9f, 0x98], '\udcf0\udc9f\udc98'],
    ['overlong', [0xc0, 0x80], '\udcc0\udc80'],
    ['surrogate in UTF-8', [0xed, 0xb2, 0x80], '\udced\udcb2\udc80'],
    ['replacement character itself', [0xef, 0xbf, 0xbd, 0xff], '\ufffd\udcff'],
    ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], '\udcf4\udc90\udc80\udc80'],
    ['emoji beside a bad byte', [0xf0, 0x9f, 0x98, 0x80, 0x80], '😀\udc80'],
    ['empty', [], ''],
  ];
  for (const [name, bytes, text] of rows) {
    t.equal(decodePath(Uint8Array.from(bytes)), text, name);
    t.same([...encodePath(text)], bytes, name);
    t.equal(isPlainPath(text), !/bad|byte|cut|overlong|surrogate|itself|above/.test(name), `${name}: plain`);
  }
});

t.test('octal escapes', async (t) => {
  const rows = [
    ['/a\\040b\\011c\\012d\\134e\\043', '/a b\tc\nd\\e#'],
    ['/none', '/none'],
    ['/too\\04short\\800', '/too\\04short\\800'],
    ['\\377', '\udcff'],
  ] as const;
  for (const [escaped, text] of rows) t.equal(unescapeOctal(escaped), text, escaped);
});

t.test('(deleted)', async (t) => {
  t.same(splitDeleted('/a (deleted)'), { path: '/a', maybeDeleted: true });
  t.same(splitDeleted('/a (deleted) (deleted)'), { path: '/a (deleted)', maybeDeleted: true });
  t.same(splitDeleted('/a'), { path: '/a', maybeDeleted: false });
});
