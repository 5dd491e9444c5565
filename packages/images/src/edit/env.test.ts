import t, { type Test } from 'tap';
import { VMA } from '../memory/vma-bits.js';
import { openCheckpoint } from '../checkpoint/open.js';
import type { MemoryDirectory } from '../io/directory.js';
import { PE_LAZY, PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import { edited } from '../testing/edited.js';
import { PAGE, at, page, pages, tinySet, vma } from '../testing/tiny-set.js';
import type { TinyProcess } from '../testing/tiny-set.js';
import type { Edit } from './edits.js';

const env = (name: string, value: string, pid?: number): Edit => ({ edit: 'env', name, value, pid });
const vmas = [vma(0, 3, VMA.anonPrivate | VMA.stack)];

/** A process whose environment begins at byte `offset` of its memory of two pages. */
function process(pid: number, text: string, offset = 100, more: Partial<TinyProcess> = {}): TinyProcess {
  const contents = new Uint8Array(2 * PAGE);
  const bytes = new TextEncoder().encode(text);
  contents.set(bytes, offset);
  const mm = { mmEnvStart: at(0) + BigInt(offset), mmEnvEnd: at(0) + BigInt(offset + bytes.length) };
  return { pid, vmas, rows: [[0, 2, PE_PRESENT]], contents, mm, ...(pid === 10 ? {} : { ppid: 10 }), ...more };
}

async function environment(directory: MemoryDirectory, pid = 10): Promise<string> {
  using checkpoint = await openCheckpoint(directory);
  const view = await checkpoint.process(pid);
  const { mmEnvStart, mmEnvEnd } = (await view.mm())!;
  return new TextDecoder().decode(await (await view.memory()).read(mmEnvStart, Number(mmEnvEnd - mmEnvStart)));
}

async function after(t: Test, text: string, edits: readonly Edit[], offset?: number): Promise<string> {
  return environment((await edited(t, tinySet([process(10, text, offset)]), edits)).directory);
}

const changes: { name: string; text: string; edits: Edit[]; becomes: string; offset?: number }[] = [
  { name: 'as long', text: 'A=1\0B=abc\0C=3\0', edits: [env('B', 'xyz')], becomes: 'A=1\0B=xyz\0C=3\0' },
  { name: 'shorter: nothing of the old one stays', text: 'A=1\0B=abc\0C=3\0', edits: [env('B', '')], becomes: 'A=1\0B=\0\0\0\0C=3\0' },
  { name: 'NULs behind it are room', text: 'B=\0\0\0\0C=3\0', edits: [env('B', 'xyz')], becomes: 'B=xyz\0C=3\0' },
  { name: 'names are whole', text: 'AB=1\0B=2\0B2=3\0', edits: [env('B', '9')], becomes: 'AB=1\0B=9\0B2=3\0' },
  { name: 'a value with =', text: 'OPTS=a=b\0', edits: [env('OPTS', 'c=d')], becomes: 'OPTS=c=d\0' },
  { name: 'bytes count, not characters', text: 'A=1234\0', edits: [env('A', 'éé')], becomes: 'A=éé\0' },
  { name: 'two variables', text: 'A=1\0B=2\0', edits: [env('A', '3'), env('B', '4')], becomes: 'A=3\0B=4\0' },
  { name: 'twice in the environment', text: 'A=1\0A=2\0', edits: [env('A', '3')], becomes: 'A=3\0A=3\0' },
  { name: 'across pages', text: 'A=12345678\0', edits: [env('A', 'abcdefgh')], becomes: 'A=abcdefgh\0', offset: PAGE - 5 },
  { name: 'the last one, without a NUL', text: 'A=1\0B=22', edits: [env('B', '33')], becomes: 'A=1\0B=33' },
];
for (const { name, text, edits, becomes, offset } of changes) t.test(name, async (t) => t.equal(await after(t, text, edits, offset), becomes));

const refusals: { name: string; source: TinyProcess[]; edits: Edit[]; code: string; message: RegExp }[] = [
  { name: 'no room', source: [process(10, 'A=1\0B=abc\0C=3\0')], edits: [env('B', 'wxyz')], code: 'edit-refused', message: /B of process 10: there is room for a value of 3 bytes, the new one has 4/ },
  { name: 'no room but for the NUL', source: [process(10, 'B=\0\0\0\0C=3\0')], edits: [env('B', 'wxyz')], code: 'edit-refused', message: /room for a value of 3 bytes/ },
  { name: 'no such variable', source: [process(10, 'A=1\0')], edits: [env('B', '1')], code: 'edit-unmatched', message: /variable B/ },
  { name: 'not in this process', source: [process(10, 'A=1\0'), process(11, 'B=1\0')], edits: [env('B', '1', 10)], code: 'edit-unmatched', message: /variable B/ },
  { name: 'no such process', source: [process(10, 'A=1\0')], edits: [env('A', '1', 12)], code: 'edit-unmatched', message: /process 12: there is no such process/ },
  { name: 'a zombie', source: [process(10, 'A=1\0'), { pid: 11, ppid: 10, state: 6 }], edits: [env('A', '1', 11)], code: 'edit-unmatched', message: /process 11: it has ended/ },
  { name: 'a name with =', source: [process(10, 'A=1\0')], edits: [env('A=', '1')], code: 'edit-refused', message: /name is not empty and holds no =/ },
  { name: 'a NUL', source: [process(10, 'A=123\0')], edits: [env('A', '1\0B')], code: 'edit-refused', message: /holds a NUL/ },
  { name: 'twice', source: [process(10, 'A=1\0')], edits: [env('A', '2'), env('A', '3', 10)], code: 'edit-conflict', message: /two edits/ },
  { name: 'not in the images: left with the page server', source: [process(10, 'A=1\0', 100, { rows: [[0, 2, PE_LAZY]], contents: new Uint8Array(0) })], edits: [env('A', '2', 10)], code: 'edit-refused', message: /environment of process 10: no memory at .* left with the page server/ },
  { name: 'not in the images, of any process', source: [process(10, 'A=1\0', 100, { rows: [[0, 2, PE_LAZY]], contents: new Uint8Array(0) })], edits: [env('A', '2')], code: 'edit-unmatched', message: /as far as it could be looked at/ },
  { name: 'an environment that is none', source: [process(10, 'A=1\0', 100, { mm: { mmEnvStart: 5n, mmEnvEnd: 1n << 60n } })], edits: [env('A', '2')], code: 'image-corrupt', message: /mm-10.img: the environment/ },
];
for (const { name, source, edits, code, message } of refusals) t.test(`refused: ${name}`, async (t) => t.rejects(edited(t, tinySet(source), edits), { code, message }));

t.test('all processes that have it, or one', async (t) => {
  const source = tinySet([process(10, 'A=1\0'), process(11, 'A=1\0'), process(12, 'B=1\0')]);
  const all = await edited(t, source, [env('A', '2')]);
  t.same([await environment(all.directory, 10), await environment(all.directory, 11), await environment(all.directory, 12)], ['A=2\0', 'A=2\0', 'B=1\0']);
  t.match(all.report.edits, [{ changes: 2, places: [{ pid: 10, object: 'A in the environment', address: (at(0) + 100n).toString(16) }, { pid: 11 }] }]);
  const one = await edited(t, source, [env('A', '2', 11), env('A', '3', 10)]);
  t.same([await environment(one.directory, 10), await environment(one.directory, 11)], ['A=3\0', 'A=2\0']);
});

t.test('in a parent’s pages: they come into the result', async (t) => {
  const parent = tinySet([process(10, 'A=1\0')]);
  const child = tinySet([process(10, 'A=1\0', 100, { rows: [[0, 1, PE_PARENT], [1, 1, PE_PRESENT]], contents: page('x') })]);
  const { directory, report } = await edited(t, [child, parent], [env('A', '2')]);
  t.equal(await environment(directory), 'A=2\0');
  t.ok(report.notes.some((note) => note.startsWith('pages of the parents')));
  using checkpoint = await openCheckpoint(directory);
  t.same(await (await (await checkpoint.process(10)).memory()).read(at(1), PAGE), pages(page('x')));
});
