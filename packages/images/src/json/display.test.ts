import t from 'tap';
import type { DisplayOptions } from '../message/description.js';
import { readNumber, showNumber } from './display.js';
import { readAddress, showAddress } from './ip-address.js';

/** undefined: the number is shown as a number. */
const rows: { name: string; field?: string; display: DisplayOptions; value: bigint; text: string | undefined }[] = [
  { name: 'no options', display: {}, value: 5n, text: undefined },
  { name: 'hexadecimal', display: { hex: true }, value: 0xffff_ffff_ffff_ffffn, text: '0xffffffffffffffff' },
  { name: 'hexadecimal below zero', display: { hex: true }, value: -1n, text: '-0x1' },
  { name: 'a device', display: { dev: true }, value: 266338304n, text: '254:0' },
  { name: 'a device of stat(2)', display: { dev: true, odev: true }, value: 259n, text: '1:3' },
  { name: 'a large device of stat(2)', display: { dev: true, odev: true }, value: 0x1234_5678n, text: '1110:74616' },
  { name: 'bits', display: { flags: 'mmap.prot' }, value: 5n, text: 'PROT_READ | PROT_EXEC' },
  { name: 'no bits', display: { flags: 'mmap.prot' }, value: 0n, text: '' },
  { name: 'bits without a name', display: { flags: 'mmap.prot' }, value: 0x31n, text: 'PROT_READ | 0x30' },
  { name: 'the highest bit', display: { flags: 'mmap.status' }, value: 0x8000_0001n, text: 'VMA_AREA_REGULAR | VMA_UNSUPP' },
  { name: 'a table of bits nobody knows', display: { flags: 'nobody.knows' }, value: 0x31n, text: '0x31' },
  { name: 'a named value', field: 'family', display: { dict: 'sk' }, value: 10n, text: 'INET6' },
  { name: 'a named zero', field: 'proto', display: { dict: 'sk' }, value: 0n, text: 'IP' },
  { name: 'a value without a name', field: 'state', display: { dict: 'sk' }, value: 99n, text: undefined },
  { name: 'a field without a table', field: 'other', display: { dict: 'sk' }, value: 1n, text: undefined },
];

for (const { name, field = 'field', display, value, text } of rows) {
  t.test(`shown and read: ${name}`, (t) => {
    t.equal(showNumber(field, display, value, false), text);
    if (text !== undefined) t.equal(readNumber(field, display, text), value);
    t.end();
  });
}

t.test('hexadecimal from above wins', (t) => {
  t.equal(showNumber('prot', { flags: 'mmap.prot' }, 5n, true), '0x5');
  t.equal(readNumber('prot', { flags: 'mmap.prot' }, '0x5'), 5n);
  t.end();
});

const unreadable: { display: DisplayOptions; text: string }[] = [
  { display: {}, text: '' },
  { display: {}, text: '1x' },
  { display: { dev: true }, text: '1:' },
  { display: { flags: 'mmap.prot' }, text: 'PROT_NONE' },
  { display: { flags: 'mmap.prot' }, text: 'constructor' },
  { display: { dict: 'sk' }, text: 'INET7' },
];
for (const { display, text } of unreadable) {
  t.test(`unreadable: '${text}' with ${JSON.stringify(display)}`, (t) => {
    t.equal(readNumber('family', display, text), undefined);
    t.end();
  });
}

const addresses: { words: number[]; text: string }[] = [
  { words: [0], text: '0.0.0.0' },
  { words: [0x0100_007f], text: '127.0.0.1' },
  { words: [0xffff_ffff], text: '255.255.255.255' },
  { words: [0, 0, 0, 0], text: '::' },
  { words: [0, 0, 0, 0x0100_0000], text: '::1' },
  { words: [0x0000_80fe, 0, 0, 0x0100_0000], text: 'fe80::1' },
  { words: [0, 0, 0xffff_0000, 0x0403_0201], text: '::ffff:102:304' },
  { words: [0xb80d_0120, 0x0100_0000, 0x0100_0100, 0x0100_0100], text: '2001:db8:0:1:1:1:1:1' },
  { words: [0xb80d_0120, 0, 0x0100_0000, 0x0100_0000], text: '2001:db8::1:0:1' },
  { words: [0xb80d_0120, 0, 0, 0], text: '2001:db8::' },
];
for (const { words, text } of addresses) {
  t.test(`the address ${text}`, (t) => {
    t.equal(showAddress(words), text);
    t.same(readAddress(text), words);
    t.end();
  });
}

t.test('what is no address', (t) => {
  for (const words of [[], [1, 2], [1, 2, 3, 4, 5]]) t.equal(showAddress(words), undefined);
  for (const text of ['', '1.2.3', '1.2.3.256', '1.2.3.4.5', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4::5:6:7:8', 'g::', '12345::']) t.equal(readAddress(text), undefined, text);
  t.end();
});
