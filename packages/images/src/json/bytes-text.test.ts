import t from 'tap';
import { decodeBase64, decodeQuotedPrintable, encodeBase64, encodeQuotedPrintable } from './bytes-text.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** RFC 4648, section 10, and lines after RFC 2045. */
const base64: { bytes: Uint8Array; text: string }[] = [
  { bytes: utf8(''), text: '' },
  { bytes: utf8('f'), text: 'Zg==\n' },
  { bytes: utf8('fo'), text: 'Zm8=\n' },
  { bytes: utf8('foo'), text: 'Zm9v\n' },
  { bytes: utf8('foob'), text: 'Zm9vYg==\n' },
  { bytes: Uint8Array.of(255, 254, 253, 0), text: '//79AA==\n' },
  { bytes: new Uint8Array(57), text: `${'A'.repeat(76)}\n` },
  { bytes: new Uint8Array(58), text: `${'A'.repeat(76)}\nAA==\n` },
];

for (const { bytes, text } of base64) {
  t.test(`base64 of ${bytes.length} bytes: ${JSON.stringify(text.slice(0, 12))}`, (t) => {
    t.equal(encodeBase64(bytes), text);
    t.same(decodeBase64(text), bytes);
    t.end();
  });
}

t.test('base64 of every length and byte', (t) => {
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 0xff);
    const text = encodeBase64(bytes);
    if (text.replaceAll('\n', '') !== Buffer.from(bytes).toString('base64')) t.fail(`${length} bytes are not as Node has them`);
    if (Buffer.compare(decodeBase64(text) ?? Buffer.from('?'), bytes) !== 0) t.fail(`${length} bytes do not come back`);
  }
  t.same(decodeBase64('Zm9v\r\nYg==\n'), utf8('foob'), 'lines of any kind');
  t.end();
});

for (const text of ['Zg=', 'Z', 'Zg=a', 'Zm9v!A==', 'Zm9é']) {
  t.test(`not base64: ${text}`, (t) => {
    t.equal(decodeBase64(text), undefined);
    t.end();
  });
}

/** What Python's quopri.encodestring gives. */
const quoted: { name: string; bytes: Uint8Array; text: string }[] = [
  { name: 'nothing', bytes: utf8(''), text: '' },
  { name: 'a path', bytes: utf8('/run/a.sock'), text: '/run/a.sock' },
  { name: 'an abstract name', bytes: utf8('\0X11'), text: '=00X11' },
  { name: 'an equals sign', bytes: utf8('a=b'), text: 'a=3Db' },
  { name: 'bytes beyond ASCII', bytes: Uint8Array.of(0xc3, 0xa9, 0x7f), text: '=C3=A9=7F' },
  { name: 'a space at the end', bytes: utf8('a '), text: 'a=20' },
  { name: 'a space in the middle', bytes: utf8('a b'), text: 'a b' },
  { name: 'a space before a line feed', bytes: utf8('a \nb'), text: 'a=20\nb' },
  { name: 'a line of a dot', bytes: utf8('.'), text: '=2E' },
  { name: 'a dot before more', bytes: utf8('.a'), text: '.a' },
  { name: 'a long name', bytes: utf8('x'.repeat(108)), text: `${'x'.repeat(75)}=\n${'x'.repeat(33)}` },
  { name: 'a long name of odd bytes', bytes: new Uint8Array(30).fill(1), text: `${'=01'.repeat(25)}=\n${'=01'.repeat(5)}` },
];

for (const { name, bytes, text } of quoted) {
  t.test(`quoted-printable: ${name}`, (t) => {
    t.equal(encodeQuotedPrintable(bytes), text);
    t.same(decodeQuotedPrintable(text), bytes);
    t.end();
  });
}

t.test('quoted-printable read only', (t) => {
  t.same(decodeQuotedPrintable('a=3db'), utf8('a=b'), 'lower case');
  t.same(decodeQuotedPrintable('a==b'), utf8('a=b'), 'two of them');
  t.same(decodeQuotedPrintable('a=xb'), utf8('a=xb'), 'an equals sign that begins nothing');
  t.same(decodeQuotedPrintable('a=\r\nb'), utf8('ab'), 'a soft line break');
  t.equal(decodeQuotedPrintable('é'), undefined);
  t.end();
});
