import t from 'tap';
import { canonical } from './canonical.js';
import type { DecodedImages, PlainObject } from './decode.js';

/** A process with a pipe of which both ends are open, and a file that is mapped too; ids as given. */
function images(pipe: string, ends: readonly [number, number], file: number): DecodedImages {
  const files = new Map<string, PlainObject[]>([
    ['files.img', [{ type: 1, id: file, reg: { id: file, name: '/x' } }, ...ends.map((id): PlainObject => ({ type: 2, id, pipe: { id, pipeId: pipe } }))].reverse()],
    ['fdinfo-7.img', [{ id: ends[1], fd: 4 }, { id: ends[0], fd: 3 }, { id: file, fd: 9 }]],
    ['ids-12.img', [{ filesId: 7, vmId: 3 }]],
    ['mm-12.img', [{ exeFileId: file, vmas: [{ shmid: String(file), status: 1 << 6 }, { shmid: '0', status: 1 }] }]],
  ]);
  return { files, pages: new Map() };
}

t.test('other ids, the same identities', async (t) => {
  t.same(canonical(images('1234', [2, 3], 1)), canonical(images('77', [9, 5], 8)));
});

t.test('another identity is another set', async (t) => {
  const two = images('1234', [2, 3], 1);
  const pipes = two.files.get('files.img') ?? [];
  pipes[0] = { ...pipes[0], pipe: { id: 3, pipeId: '99' } };
  t.notSame(canonical(images('1234', [2, 3], 1)), canonical(two));
});

t.test('what is no id stays', async (t) => {
  const { files } = canonical(images('1234', [2, 3], 1));
  t.same(files.get('files.img')?.slice(0, 3).map((entry) => entry['reg'] ?? entry['pipe']), [{ id: 1, pipeId: 1 }, { id: 2, pipeId: 1 }, { id: 3, name: '/x' }]);
  t.same((files.get('mm-12.img')?.[0]?.['vmas'] as PlainObject[])[1], { shmid: '0', status: 1 }, 'the shmid of private memory names nothing');
});

t.test('namespaces', async (t) => {
  const own = (id: number): DecodedImages => ({ files: new Map([['ids-12.img', [{ ipcNsId: id, utsNsId: 4 }]], [`ipcns-sem-${id}.img`, [{ nsems: 3 }]]]), pages: new Map() });
  t.same(canonical(own(9)), canonical(own(11)), 'their images go by their numbers');
  t.ok(canonical(own(9)).files.has('ipcns-sem-1.img'));
});
