import { readFileSync } from 'node:fs';
import t from 'tap';
import { PROT } from '../abi/mman.js';
import { ProcFormatError } from './errors.js';
import { parseMaps, parseSmaps, readMaps, readSmaps } from './maps.js';
import { decodePath } from './path-text.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const anonymous = { offset: 0, devMajor: 0, devMinor: 0, inode: 0n };
const rw = PROT.READ | PROT.WRITE;

const rows = [
  {
    name: 'file',
    line: '561abb2a6000-561abb2ac000 r-xp 00002000 fe:00 260386                     /usr/bin/head',
    entry: { start: 0x561abb2a6000, end: 0x561abb2ac000, prot: PROT.READ | PROT.EXEC, shared: false, offset: 0x2000, devMajor: 0xfe, devMinor: 0, inode: 260386n, name: '/usr/bin/head' },
  },
  { name: 'anonymous', line: '7f0000000000-7f0000001000 rw-p 00000000 00:00 0 ', entry: { start: 0x7f0000000000, end: 0x7f0000001000, prot: rw, shared: false, ...anonymous, name: '' } },
  { name: 'named anonymous', line: '1000-2000 ---p 00000000 00:00 0                          [anon:a b]', entry: { start: 0x1000, end: 0x2000, prot: 0, shared: false, ...anonymous, name: '[anon:a b]' } },
  {
    name: 'vsyscall, beyond 2^53',
    line: 'ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]',
    entry: { start: 0xffffffffff600000, end: 0xffffffffff601000, prot: PROT.EXEC, shared: false, ...anonymous, name: '[vsyscall]' },
  },
  {
    name: 'shared, huge offset, huge inode, name with spaces and (deleted)',
    line: '1000-2000 rw-s 7ffffffffffff000 00:01 18446744073709551615               /dev/zero  x (deleted)',
    entry: { start: 0x1000, end: 0x2000, prot: rw, shared: true, offset: 0x7ffffffffffff000, devMajor: 0, devMinor: 1, inode: 18446744073709551615n, name: '/dev/zero  x (deleted)' },
  },
  {
    name: 'escaped newline and a byte that is no UTF-8',
    line: '1000-2000 rw-p 00000000 fe:00 7                          /a\\012b\xff',
    entry: { start: 0x1000, end: 0x2000, prot: rw, shared: false, offset: 0, devMajor: 0xfe, devMinor: 0, inode: 7n, name: '/a\\012b\udcff' },
  },
  {
    name: 'carriage return and other line ends that are none here',
    line: '1000-2000 rw-p 00000000 fe:00 7                          /a\rb\x85c\x0bd',
    entry: { start: 0x1000, end: 0x2000, prot: rw, shared: false, offset: 0, devMajor: 0xfe, devMinor: 0, inode: 7n, name: '/a\rb\udc85c\vd' },
  },
];

t.test('maps rows', async (t) => {
  for (const { name, line, entry } of rows) {
    const [parsed, ...rest] = parseMaps(bytes(`${line}\n`));
    t.match(parsed, entry, name);
    t.equal(parsed?.inode, entry.inode, `${name}: inode`);
    t.equal(rest.length, 0, name);
  }
  const all = parseMaps(bytes(rows.map(({ line }) => `${line}\n`).join('')));
  t.same(all.map(({ name }) => name), rows.map(({ entry }) => entry.name), 'nothing of a neighbour sticks');
  t.same(all.map(({ inode }) => inode), rows.map(({ entry }) => entry.inode));
  t.same(parseMaps(bytes('')), [], 'no mappings: a zombie or a kernel thread');
});

const block = (header: string, rss: string, flags: string, key?: string): string =>
  `${header}\nSize:                  8 kB\nRss:            ${rss} kB\nTHPeligible:           0\n${key === undefined ? '' : `ProtectionKey:  ${key.padStart(7)}\n`}VmFlags: ${flags} \n`;

t.test('smaps', async (t) => {
  const text = [
    block('1000-2000 r--p 00000000 fe:00 5                          /x', '       8', 'rd mr mw me'),
    block('2000-3000 rw-p 00000000 00:00 0 ', '       8', 'rd wr mr mw me ac sd', '3'),
    block('3000-4000 rw-p 00000000 00:00 0 ', '123456789', 'rd wr mr mw me gd q?', '15'),
    block('4000-5000 rw-p 00000000 00:00 0 ', '       8', 'rd wr mr mw me gd q?'),
  ].join('');
  const entries = parseSmaps(bytes(text));
  t.same(entries.map(({ flags }) => flags.text), ['rd mr mw me', 'rd wr mr mw me ac sd', 'rd wr mr mw me gd q?', 'rd wr mr mw me gd q?']);
  t.same(entries.map(({ protectionKey }) => protectionKey), [undefined, 3, 15, undefined]);
  t.same(entries.map(({ name }) => name), ['/x', '', '', '']);
  t.ok(entries[2]?.flags.has('gd'));
  t.notOk(entries[1]?.flags.has('gd'));
  t.same(entries[2]?.flags.unknown, ['q?'], 'flags of newer kernels surface');
  t.same(entries[0]?.flags.unknown, []);
});

t.test('malformed rows', async (t) => {
  const good = rows[0]?.line as string;
  const bad: [name: string, text: string][] = [
    ['no permissions', '1000-2000 rw-x 00000000 00:00 0'],
    ['no end', '1000 rw-p 00000000 00:00 0'],
    ['no digits', '-2000 rw-p 00000000 00:00 0'],
    ['17 digits', '11111111111111111-2000 rw-p 00000000 00:00 0'],
    ['no minor', '1000-2000 rw-p 00000000 00 0'],
    ['no inode', '1000-2000 rw-p 00000000 00:00 x'],
    ['inode runs into the name', '1000-2000 rw-p 00000000 00:00 7x'],
    ['empty line', ''],
  ];
  for (const [name, line] of bad) t.throws(() => parseMaps(bytes(`${good}\n${line}\n${good}\n`)), ProcFormatError, name);
  t.throws(() => parseMaps(bytes(good)), /no end of line/, 'a cut file');
  t.throws(() => parseSmaps(bytes(`${good}\nSize: 1 kB\n`)), /no VmFlags/);
});

t.test('ourselves', async (t) => {
  const exe = readMaps('self').find(({ inode }) => inode !== 0n);
  t.equal(exe?.name, process.execPath);
  const smaps = readSmaps('self');
  t.ok(smaps.some(({ name, flags }) => name === '[stack]' && flags.has('gd')), 'the stack grows down');
  t.same(smaps.flatMap(({ flags }) => flags.unknown), []);
  const headers = readFileSync('/proc/self/smaps', 'latin1').split('\n').filter((line) => /^[0-9a-f]+-/.test(line));
  // The heap may change between two looks, so only about as many.
  t.ok(Math.abs(smaps.length - headers.length) < 20, `${smaps.length} and ${headers.length} mappings`);
});

t.test('parsing in parts gives the same', async (t) => {
  // More than the 64 KiB of a part: read through /proc itself.
  const size = readFileSync('/proc/self/smaps').length;
  t.ok(size > 64 * 1024, `${size} bytes`);
  const once = parseSmaps(readFileSync('/proc/self/smaps'));
  const parts = readSmaps('self');
  const files = (entries: typeof once): string[] => entries.filter(({ inode }) => inode !== 0n).map(({ start, end, name, flags }) => `${start} ${end} ${name} ${flags.text}`);
  t.same(files(parts), files(once));
  t.equal(decodePath(Buffer.from('ä')), 'ä');
});
