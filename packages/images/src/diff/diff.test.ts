import t from 'tap';
import { openCheckpoint } from '../checkpoint/open.js';
import { fd_types } from '../gen/index.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_LAZY, PE_PRESENT } from '../pagemap/pagemap.js';
import { compressPages } from '../pages/compress.js';
import { PAGE, at, fown, page, pages, tinySet, vma } from '../testing/tiny-set.js';
import type { TinyProcess } from '../testing/tiny-set.js';
import { diffCheckpoints } from './diff.js';
import type { CheckpointDiff } from './diff.js';
import { diffHtml } from './html.js';
import { comparePages } from './memory.js';
import { diffText } from './text.js';

const anon = VMA.anonPrivate;

async function diff(a: ReturnType<typeof tinySet>, b: ReturnType<typeof tinySet>): Promise<CheckpointDiff> {
  using before = await openCheckpoint(a);
  using after = await openCheckpoint(b);
  return await diffCheckpoints(before, after);
}

/** The first page holds arguments and environment. */
function strings(environment: string): { contents: Uint8Array; mm: NonNullable<TinyProcess['mm']> } {
  const contents = new Uint8Array(PAGE);
  contents.set(new TextEncoder().encode(`prog\0${environment}`));
  return { contents, mm: { mmArgStart: at(0), mmArgEnd: at(0) + 5n, mmEnvStart: at(0) + 5n, mmEnvEnd: at(0) + 5n + BigInt(environment.length) } };
}

const process = (contents: Uint8Array, more: Partial<TinyProcess> = {}): TinyProcess => ({ pid: 10, vmas: [vma(0, 8, anon)], rows: [[0, contents.length / PAGE, PE_PRESENT]], contents, ...more });

t.test('nothing differs from itself, however its pages are stored', async (t) => {
  const { contents, mm } = strings('A=1\0');
  const a = tinySet([process(contents, { mm })]);
  const b = tinySet([process(contents, { mm })]);
  await compressPages(b, 10, { compress: 'lz4' });
  const found = await diff(a, b);
  t.match(found, { same: true, unchanged: 1, changed: [], problems: [] });
  t.match([...diffText(found, false)].at(-1), /no difference: 1 process/);
});

t.test('everything that can differ', async (t) => {
  const old = strings('A=1\0B=2\0C=3\0');
  const now = strings('A=1\0B=9\0D=4\0');
  const file = (id: number, name: string): Parameters<typeof tinySet>[1] => [{ id, type: fd_types.REG, reg: { id, flags: 0, pos: 0n, fown, name, buildId: [] } }];
  const a = tinySet([process(pages(old.contents, page('a'), page('b')), { mm: old.mm, fds: [{ fd: 0, id: 7, type: fd_types.REG }, { fd: 1, id: 1, type: fd_types.REG }] }), { pid: 11, ppid: 10, comm: 'leaves' }], file(7, '/old'));
  const b = tinySet([process(pages(now.contents, page('a'), page('x'), page('n')), { mm: now.mm, comm: 'renamed', vmas: [vma(0, 8, anon), vma(20, 1, anon)], fds: [{ fd: 0, id: 7, type: fd_types.REG }, { fd: 2, id: 1, type: fd_types.REG }] }), { pid: 12, ppid: 10, comm: 'comes' }], file(7, '/new'));
  const found = await diff(a, b);
  t.match(found, { same: false, removed: [{ pid: 11, name: 'leaves' }], added: [{ pid: 12, name: 'comes' }], unchanged: 0 });
  const [changed] = found.changed;
  t.match(changed, {
    pid: 10,
    facts: { changed: [{ what: 'name', before: 'prog', after: 'renamed' }] },
    descriptors: { removed: [/^1: regular \/bin\/prog/], added: [/^2: regular/], changed: [{ what: '0', before: /\/old/, after: /\/new/ }] },
    environment: { removed: ['C'], added: ['D'], changed: ['B'] },
    mappings: { removed: [], added: [/^114000: -115000 rw-p anonymous/], changed: [] },
    pages: { same: 5, changed: 2, appeared: 1, gone: 0, unknown: 0 },
  });
  t.same(changed!.regions[0]!.pages.runs, [{ address: at(0).toString(16), pages: 1, what: 'changed' }, { address: at(2).toString(16), pages: 1, what: 'changed' }, { address: at(3).toString(16), pages: 1, what: 'appeared' }]);
  const text = [...diffText(found, true)].join('\n');
  for (const part of [/^- 11 leaves$/m, /^\+ 12 comes$/m, /^~ 10 renamed$/m, /~ name: prog → renamed/, /environment: 1 changed, 1 new, 1 gone/, /memory: 2 pages changed, 1 new, 0 gone, 5 the same/, /102000 1 page changed/]) t.match(text, part);
  t.notMatch(text, /B: .*9/, 'no value of a variable is told');
  t.ok([...diffText(found, false)].length < [...diffText(found, true)].length);
  const html = diffHtml(found);
  t.match(html, /<details><summary class="mono">~ 10 renamed<\/summary>/);
  t.equal(html.split('<details>').length, html.split('</details>').length);
  t.match((await diff(b, a)).changed[0]!.pages, { gone: 1, appeared: 0 }, 'the other way round');
});

t.test('pages that are zeros, in files, or not known', async (t) => {
  const a = tinySet([process(pages(page('a'), new Uint8Array(PAGE), page('c')), { vmas: [vma(0, 4, anon), vma(4, 1, VMA.filePrivate, { shmid: 1n })] })]);
  const b = tinySet([process(pages(page('a'), new Uint8Array(PAGE)), { vmas: [vma(0, 4, anon), vma(4, 1, VMA.filePrivate, { shmid: 1n })], rows: [[0, 1, PE_PRESENT], [2, 1, PE_LAZY], [4, 1, PE_PRESENT]] })]);
  using before = await openCheckpoint(a);
  using after = await openCheckpoint(b);
  const [x, y] = [await (await before.process(10)).memory(), await (await after.process(10)).memory()];
  // Page 1: zeros that were written, and none; page 4: zeros are not what the file has.
  t.match(await comparePages(x, y, at(0), at(5)), { same: 3, changed: 0, appeared: 1, gone: 0, unknown: 1 });
  t.match(await comparePages(x, y, at(1), at(2)), { same: 1, unknown: 0 });
});

t.test('damage is told, and nothing is called the same', async (t) => {
  const { contents, mm } = strings('A=1\0');
  const b = tinySet([process(contents, { mm })]);
  b.files.delete('pages-10.img');
  const found = await diff(tinySet([process(contents, { mm })]), b);
  t.equal(found.same, false);
  t.match(found.problems, [/^B: pages-10.img: there is no such file/]);
});
