import t from 'tap';
import { VCC } from '@criu-ts/kernel/abi';
import { asTyped } from './tty-queue.js';

const keys = Array<number>(19).fill(0);
Object.assign(keys, { [VCC.EOF]: 4, [VCC.EOL]: 0x7c /* | */, [VCC.START]: 0x11, [VCC.STOP]: 0x13 });
const modes = { cIflag: 0, cOflag: 0, cCflag: 0, cLflag: 2, cLine: 0, cIspeed: 0, cOspeed: 0, cCc: keys };

t.test('what was typed', (t) => {
  const rows: { name: string; data: string; lineEnds: number[]; typed: string; noEof?: true }[] = [
    { name: 'nothing', data: '', lineEnds: [], typed: '' },
    { name: 'a line', data: 'one\n', lineEnds: [4], typed: 'one\n' },
    { name: 'a line and a half', data: 'one\ntw', lineEnds: [4], typed: 'one\ntw' },
    { name: 'half a line', data: 'tw', lineEnds: [], typed: 'tw' },
    { name: 'an end without a newline', data: 'one', lineEnds: [3], typed: 'one\x04' },
    { name: 'the end of the file', data: '', lineEnds: [0], typed: '\x04' },
    { name: 'the end of the file twice, behind a line', data: 'one\n', lineEnds: [4, 4, 4], typed: 'one\n\x04\x04' },
    { name: 'a quoted Ctrl-D', data: 'a\x04b\n', lineEnds: [4], typed: 'a\x16\x04b\n' },
    { name: 'a quoted newline', data: 'a\nb\n', lineEnds: [4], typed: 'a\x16\nb\n' },
    { name: 'another end of a line', data: 'a|b\n', lineEnds: [2, 4], typed: 'a|b\n' },
    { name: 'that other one, quoted', data: 'a|b\n', lineEnds: [4], typed: 'a\x16|b\n' },
    { name: 'keys that stop output, and Ctrl-V', data: '\x11\x13\x16', lineEnds: [], typed: '\x16\x11\x16\x13\x16\x16' },
    { name: 'images that do not tell lines', data: 'one\ntwo\nth', lineEnds: [], typed: 'one\ntwo\nth' },
    { name: 'no key ends a file', data: 'a', lineEnds: [1], typed: 'a', noEof: true },
    { name: 'NUL is no key', data: 'a\0b\n', lineEnds: [4], typed: 'a\0b\n', noEof: true },
  ];
  for (const { name, data, lineEnds, typed, noEof } of rows) {
    const cCc = noEof === true ? keys.with(VCC.EOF, 0) : keys;
    t.equal(Buffer.from(asTyped({ data: Buffer.from(data, 'latin1'), lineEnds }, { ...modes, cCc })).toString('latin1'), typed, name);
  }
  t.end();
});
