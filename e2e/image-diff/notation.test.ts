import t from 'tap';
import type { DecodedImages, PlainObject } from './decode.js';
import { plainNotation } from './notation.js';

const ANON = { flags: 0x21, status: 1 | (1 << 8) };
const MEMFD = { flags: 0x01, status: 1 | (1 << 7) | (1 << 14), fdflags: 2 };
const FILE = { flags: 0x02, status: 1 | (1 << 6) };
const PRIVATE = { flags: 0x22, status: 1 | (1 << 9), shmid: '0' };

function images(files: readonly PlainObject[], vmas: readonly PlainObject[], more: Readonly<Record<string, PlainObject[]>> = {}): DecodedImages {
  return { files: new Map<string, PlainObject[]>([['files.img', [...files]], ['mm-7.img', [{ exeFileId: 1, vmas: [...vmas] }]], ...Object.entries(more)]), pages: new Map() };
}

const program: PlainObject = { id: 1, reg: { id: 1, name: '/p' } };

t.test('shared anonymous memory as a memfd', async (t) => {
  const asMemfd = images([program, { id: 2, memfd: { id: 2, inodeId: 5 } }], [{ ...MEMFD, shmid: '2' }], { 'memfd.img': [{ name: '/dev/zero', inodeId: '5', shmid: 33 }] });
  t.same(plainNotation(asMemfd), plainNotation(images([program], [{ ...ANON, shmid: 33 }])));
  const named = images([program, { id: 2, memfd: { id: 2, inodeId: 5 } }], [{ ...MEMFD, shmid: '2' }], { 'memfd.img': [{ name: 'cache', inodeId: '5', shmid: 33 }] });
  t.same(plainNotation(named).files.get('memfd.img')?.length, 1, 'a memfd of another name stays');
});

t.test('a file for each use', async (t) => {
  const twice = images([program, { id: 2, reg: { id: 2, name: '/p' } }], [{ ...FILE, shmid: '2' }]);
  t.same(plainNotation(twice), plainNotation(images([program], [{ ...FILE, shmid: '1' }])));
  const held = images([program, { id: 2, reg: { id: 2, name: '/p' } }], [], { 'fdinfo-2.img': [{ id: 2, fd: 0 }] });
  t.equal(plainNotation(held).files.get('files.img')?.length, 2, 'an open file is one of its own');
});

t.test('a mapped file that a descriptor leads to, too', async (t) => {
  const reg = { name: '/lib', size: '9' };
  const fdinfo = { 'fdinfo-2.img': [{ id: 2, fd: 3 }] };
  const open: PlainObject = { id: 2, reg: { ...reg, id: 2, flags: 0x8000, pos: '832', fown: { uid: 7, euid: 7, signum: 0, pidType: 0, pid: 0 } } };
  const mapped: PlainObject = { id: 3, reg: { ...reg, id: 3, flags: 0, pos: '0', fown: { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 } } };
  const shared = plainNotation(images([program, open], [{ ...FILE, shmid: '2' }], fdinfo));
  t.same(shared.files.get('mm-7.img'), plainNotation(images([program, open, mapped], [{ ...FILE, shmid: 3 }], fdinfo)).files.get('mm-7.img'));
  t.same(shared.files.get('files.img'), [program, open, mapped]);
});

t.test('default actions', async (t) => {
  const core = (...sigactions: PlainObject[]): DecodedImages => ({ files: new Map([['core-7.img', [{ tc: { sigactions } }]]]), pages: new Map() });
  const blank = { sigaction: '0', flags: '0', mask: '0', restorer: '0' };
  const set = { ...blank, flags: '67108864', restorer: '4096', mask: '5' };
  t.same(plainNotation(core(set)), plainNotation(core(blank)));
  const handler = { ...set, sigaction: '8192' };
  t.notSame(plainNotation(core(handler)), plainNotation(core({ ...blank, sigaction: '8192' })), 'a handler is another matter');
  const child = (action: PlainObject): DecodedImages => core(...Array.from({ length: 15 }, () => blank), action);
  t.notSame(plainNotation(child({ ...blank, flags: '2' })), plainNotation(child(blank)), "and SIGCHLD's SA_NOCLDWAIT");
});

t.test('neighbours', async (t) => {
  const cases: readonly { readonly name: string; readonly vmas: readonly PlainObject[]; readonly left: number }[] = [
    { name: 'alike', vmas: [{ ...PRIVATE, start: '0', end: '8' }, { ...PRIVATE, start: '8', end: '9' }], left: 1 },
    { name: 'with a gap', vmas: [{ ...PRIVATE, start: '0', end: '7' }, { ...PRIVATE, start: '8', end: '9' }], left: 2 },
    { name: 'of other flags', vmas: [{ ...PRIVATE, start: '0', end: '8' }, { ...PRIVATE, flags: 0x122, start: '8', end: '9' }], left: 2 },
    { name: 'of a file', vmas: [{ ...FILE, shmid: '1', start: '0', end: '8' }, { ...FILE, shmid: '1', start: '8', end: '9' }], left: 2 },
  ];
  for (const { name, vmas, left } of cases) {
    t.equal((plainNotation(images([program], vmas)).files.get('mm-7.img')?.[0]?.['vmas'] as PlainObject[]).length, left, name);
  }
});
