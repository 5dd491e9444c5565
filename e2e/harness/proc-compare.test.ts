import t from 'tap';
import { changesByItself, changesByRestore, compareSnapshots, type Allowed } from './proc-compare.js';

interface Row {
  readonly name: string;
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
  readonly allowed?: readonly Allowed[];
  readonly wanted: readonly string[];
}

const anonymous = (perms: string): string => `${perms} 00000000 00:00 0`;
const vmFlags = (begin: string, flags: string): Record<string, string> => ({ [`maps/${begin}/VmFlags`]: flags, [`maps/${begin}/KernelPageSize`]: '4 kB' });

const rows: readonly Row[] = [
  { name: 'the same', before: { 'status/SigBlk': '0', 'fd/3': 'pipe:[5]' }, after: { 'status/SigBlk': '0', 'fd/3': 'pipe:[5]' }, wanted: [] },
  { name: 'a mask left behind', before: { 'status/SigBlk': '0' }, after: { 'status/SigBlk': '4000' }, wanted: ['status/SigBlk: 0 → 4000'] },
  { name: 'a stray descriptor', before: {}, after: { 'fd/3': '/x' }, wanted: ['fd/3: (absent) → /x'] },
  { name: 'a breakpoint left behind', before: { 'maps/1-2/code': 'a' }, after: { 'maps/1-2/code': 'b' }, wanted: ['maps/1-2/code: a → b'] },
  { name: 'of a child', before: { 'child 1/cwd': '/' }, after: { 'child 1/cwd': '/tmp' }, wanted: ['child 1/cwd: / → /tmp'] },
  { name: 'a timerfd runs on', before: { 'fdinfo/3/it_value': '(1, 2)' }, after: { 'fdinfo/3/it_value': '(1, 1)' }, wanted: [] },
  { name: 'soft-dirty is not looked at', before: { 'maps/1-2/VmFlags': 'rd sd' }, after: { 'maps/1-2/VmFlags': 'rd' }, wanted: [] },
  { name: 'pipes keep their numbers while nothing is restored', before: { 'fd/3': 'pipe:[5]' }, after: { 'fd/3': 'pipe:[6]' }, wanted: ['fd/3: pipe:[5] → pipe:[6]'] },
  {
    name: 'after a restore pipes are told apart by identity',
    before: { 'fd/3': 'pipe:[5]', 'fd/4': 'pipe:[5]', 'fd/5': 'pipe:[9]' },
    after: { 'fd/3': 'pipe:[70]', 'fd/4': 'pipe:[70]', 'fd/5': 'pipe:[71]' },
    allowed: changesByRestore,
    wanted: [],
  },
  {
    name: 'after a restore two ends must be one pipe still',
    before: { 'fd/3': 'pipe:[5]', 'fd/4': 'pipe:[5]' },
    after: { 'fd/3': 'pipe:[70]', 'fd/4': 'pipe:[71]' },
    allowed: changesByRestore,
    wanted: ['fd/4: pipe:[#1] → pipe:[#2]'],
  },
  {
    name: 'neighbours that differ in nothing are one mapping',
    before: { 'maps/1000-2000': anonymous('rw-p'), ...vmFlags('1000-2000', 'rd wr'), 'maps/2000-3000': anonymous('rw-p'), ...vmFlags('2000-3000', 'rd wr ac') },
    after: { 'maps/1000-3000': anonymous('rw-p'), ...vmFlags('1000-3000', 'rd wr') },
    allowed: changesByRestore,
    wanted: [],
  },
  {
    name: 'neighbours with other flags are two',
    before: { 'maps/1000-2000': anonymous('rw-p'), ...vmFlags('1000-2000', 'rd wr lo'), 'maps/2000-3000': anonymous('rw-p'), ...vmFlags('2000-3000', 'rd wr') },
    after: { 'maps/1000-2000': anonymous('rw-p'), ...vmFlags('1000-2000', 'rd wr'), 'maps/2000-3000': anonymous('rw-p'), ...vmFlags('2000-3000', 'rd wr lo') },
    allowed: changesByRestore,
    wanted: ['maps/1000-2000/VmFlags: rd wr lo → rd wr', 'maps/2000-3000/VmFlags: rd wr → rd wr lo'],
  },
  { name: 'O_LARGEFILE says nothing', before: { 'fdinfo/3/flags': '0100002' }, after: { 'fdinfo/3/flags': '02' }, allowed: changesByRestore, wanted: [] },
  { name: 'O_NONBLOCK does', before: { 'fdinfo/3/flags': '04002' }, after: { 'fdinfo/3/flags': '02' }, allowed: changesByRestore, wanted: ['fdinfo/3/flags: 04002 → 02'] },
  {
    name: 'a spent one-shot target',
    before: { 'fdinfo/3/tfd 9': 'events: 40000000 data: 4' },
    after: { 'fdinfo/3/tfd 9': 'events: 40000018 data: 4' },
    allowed: changesByRestore,
    wanted: [],
  },
];

for (const { name, before, after, allowed = changesByItself, wanted } of rows) {
  t.test(name, async (t) => {
    t.same(compareSnapshots(new Map(Object.entries(before)), new Map(Object.entries(after)), allowed), wanted);
  });
}
