import t from 'tap';
import { decodeText, encodeText } from './text.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const rows: { name: string; bytes: Uint8Array; text: string }[] = [
  { name: 'empty', bytes: bytes(), text: '' },
  { name: 'ASCII', bytes: bytes(0x2f, 0x61), text: '/a' },
  { name: 'two, three, four bytes', bytes: bytes(0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80), text: 'é€😀' },
  { name: 'a byte order mark stays', bytes: bytes(0xef, 0xbb, 0xbf, 0x61), text: '\ufeffa' },
  { name: 'NUL stays', bytes: bytes(0, 0x61), text: '\0a' },
  { name: 'a lone continuation byte', bytes: bytes(0x61, 0x80, 0x62), text: 'a\udc80b' },
  { name: 'Latin-1', bytes: bytes(0x66, 0xfc, 0x72), text: 'f\udcfcr' },
  { name: 'a sequence cut short at the end', bytes: bytes(0x61, 0xe2, 0x82), text: 'a\udce2\udc82' },
  { name: 'an overlong slash', bytes: bytes(0xc0, 0xaf), text: '\udcc0\udcaf' },
  { name: 'an overlong three-byte form', bytes: bytes(0xe0, 0x80, 0xaf), text: '\udce0\udc80\udcaf' },
  { name: 'a surrogate in UTF-8', bytes: bytes(0xed, 0xb2, 0x80), text: '\udced\udcb2\udc80' },
  { name: 'beyond U+10FFFF', bytes: bytes(0xf4, 0x90, 0x80, 0x80), text: '\udcf4\udc90\udc80\udc80' },
  { name: 'good text around a bad byte', bytes: bytes(0xc3, 0xa9, 0xff, 0xc3, 0xa9), text: 'é\udcffé' },
];

for (const row of rows) {
  t.test(row.name, (t) => {
    t.equal(decodeText(row.bytes, 0, row.bytes.length), row.text);
    t.same(encodeText(row.text), row.bytes);
    t.end();
  });
}

t.test('long text takes the same way', (t) => {
  for (const row of rows) {
    const long = Uint8Array.from([...new Array<number>(100).fill(0x2e), ...row.bytes]);
    t.equal(decodeText(long, 0, long.length), '.'.repeat(100) + row.text, row.name);
    t.same(encodeText('.'.repeat(100) + row.text), long, row.name);
  }
  t.end();
});

t.test('a part of a buffer', (t) => {
  t.equal(decodeText(bytes(0x61, 0x62, 0x63), 1, 2), 'b');
  t.end();
});

t.test('every two bytes survive', (t) => {
  let lost = 0;
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const back = encodeText(decodeText(bytes(first, second), 0, 2));
      if (back.length !== 2 || back[0] !== first || back[1] !== second) lost++;
    }
  }
  t.equal(lost, 0);
  t.end();
});

for (const text of ['\ud800', 'a\udc7f', '\udd00b', '\udfff']) {
  t.test(`${JSON.stringify(text)} stands for no bytes`, (t) => {
    t.throws(() => encodeText(text), { name: 'RangeError', message: /lone surrogate/ });
    t.end();
  });
}
