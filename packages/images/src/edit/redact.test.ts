import t, { type Test } from 'tap';
import { fd_types } from '../gen/index.js';
import type { file_entry } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES, RAW_IMAGE_TYPES } from '../image-types.js';
import type { MemoryDirectory } from '../io/directory.js';
import { openCheckpoint } from '../checkpoint/open.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_LAZY, PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import { compressPages } from '../pages/compress.js';
import { openPages } from '../pages/page-reader.js';
import { edited } from '../testing/edited.js';
import type { Edited } from '../testing/edited.js';
import { PAGE, at, fown, page, pages, threadInfo, tinySet, vma, writePages } from '../testing/tiny-set.js';
import type { Edit } from './edits.js';
import type { Pattern } from '../search/stream-search.js';

const SECRET = 'hunter2-secret';
const redact = (pattern: Pattern, fill?: number): Edit => ({ edit: 'redact', pattern, fill });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const anon = (first: number, count: number): ReturnType<typeof vma> => vma(first, count, VMA.anonPrivate);

/** Zero pages with these texts in them. */
function memory(count: number, ...texts: readonly (readonly [number, string | Uint8Array])[]): Uint8Array {
  const all = new Uint8Array(count * PAGE);
  for (const [offset, text] of texts) all.set(typeof text === 'string' ? bytes(text) : text, offset);
  return all;
}

const holds = (directory: MemoryDirectory, text: string): string[] => [...directory.files].filter(([, content]) => Buffer.from(content).includes(text)).map(([name]) => name);
const contentOf = ({ directory }: Edited, id = 10): Uint8Array => {
  using reader = openPages(directory, id);
  const content = new Uint8Array(reader.size);
  reader.readInto(content, 0);
  return content;
};

async function gone(t: Test, source: MemoryDirectory | readonly MemoryDirectory[], edit = redact(SECRET)): Promise<Edited> {
  const result = await edited(t, source, [edit]);
  t.same(holds(result.directory, SECRET), [], 'it is in no byte of the result');
  return result;
}

const places: { name: string; vmas: ReturnType<typeof vma>[]; rows: [number, number, number][]; offset: number }[] = [
  { name: 'in a page', vmas: [anon(0, 2)], rows: [[0, 2, PE_PRESENT]], offset: 100 },
  { name: 'at the beginning', vmas: [anon(0, 2)], rows: [[0, 2, PE_PRESENT]], offset: 0 },
  { name: 'at the end', vmas: [anon(0, 2)], rows: [[0, 2, PE_PRESENT]], offset: 2 * PAGE - SECRET.length },
  { name: 'across pages', vmas: [anon(0, 2)], rows: [[0, 2, PE_PRESENT]], offset: PAGE - 3 },
  { name: 'across rows of the pagemap', vmas: [anon(0, 2)], rows: [[0, 1, PE_PRESENT], [1, 1, PE_PRESENT]], offset: PAGE - 3 },
  { name: 'across mappings', vmas: [anon(0, 1), anon(1, 1)], rows: [[0, 2, PE_PRESENT]], offset: PAGE - 3 },
  { name: 'across a file’s mapping and an anonymous one', vmas: [vma(0, 1, VMA.filePrivate, { shmid: 1n }), anon(1, 1)], rows: [[0, 2, PE_PRESENT]], offset: PAGE - 3 },
];
for (const { name, vmas, rows, offset } of places) {
  t.test(`memory: ${name}`, async (t) => {
    const contents = memory(2, [offset, SECRET], [offset > 1000 ? 200 : 3000, 'kept']);
    const result = await gone(t, tinySet([{ pid: 10, vmas, rows, contents }]));
    const expected = contents.slice();
    expected.fill(0x2a, offset, offset + SECRET.length);
    t.same(contentOf(result), expected, 'as many asterisks, and nothing else');
    t.match(result.report.edits, [{ changes: 1, places: [{ pid: 10, address: (at(0) + BigInt(offset)).toString(16), length: SECRET.length }] }]);
    t.notMatch(JSON.stringify(result.report), SECRET, 'the report does not tell it');
  });
}

t.test('memory: across pieces of a MiB, in many places, by a regular expression', async (t) => {
  const MIB = 1024 * 1024;
  const offsets = [5, MIB - 7, 2 * MIB - 4100, 3 * MIB - SECRET.length];
  const source = tinySet([{ pid: 10, vmas: [anon(0, 768)], rows: [[0, 768, PE_PRESENT]], contents: memory(768, ...offsets.map((offset) => [offset, SECRET] as const)) }]);
  for (const edit of [redact(SECRET), redact(/hunter\d-[a-z]+/), redact(bytes(SECRET))]) t.equal((await gone(t, source, edit)).report.edits[0]!.changes, offsets.length);
});

t.test('memory: what comes before is looked at wherever pieces end', async (t) => {
  const text = `password=${SECRET}`;
  const MIB = 1024 * 1024;
  const source = tinySet([{ pid: 10, vmas: [anon(0, 512)], rows: [[0, 512, PE_PRESENT]], contents: memory(512, [MIB - 9 - 65_536, text], [MIB + 4096 - 9, text], [3000, `x${SECRET}`]) }]);
  const { directory, report } = await edited(t, source, [redact(/(?<=password=)[\w-]+/)]);
  t.equal(report.edits[0]!.changes, 2);
  t.equal(Buffer.from(directory.files.get('pages-10.img')!).indexOf(SECRET), 3001, 'the other one is none');
});

t.test('memory: UTF-16, and a fill of one’s own', async (t) => {
  const wide = Uint8Array.from(Buffer.from(SECRET, 'utf16le'));
  const result = await edited(t, tinySet([{ pid: 10, vmas: [anon(0, 1)], rows: [[0, 1, PE_PRESENT]], contents: memory(1, [10, wide]) }]), [redact(SECRET, 0x2e)]);
  t.same(contentOf(result).subarray(9, 11 + wide.length), memory(1, [10, '.'.repeat(wide.length)]).subarray(9, 11 + wide.length));
});

t.test('memory: what no pagemap tells of does not come along', async (t) => {
  const source = tinySet([{ pid: 10, vmas: [anon(0, 2)], rows: [[0, 1, PE_PRESENT]], contents: memory(2, [0, SECRET], [PAGE, SECRET]) }]);
  source.files.set('pages-77.img', bytes(SECRET));
  t.equal(contentOf(await gone(t, source)).length, PAGE);
});

t.test('memory: of parents', async (t) => {
  const process = { pid: 10, vmas: [anon(0, 2)] };
  const parent = tinySet([{ ...process, rows: [[0, 2, PE_PRESENT]], contents: memory(2, [PAGE - 5, SECRET]) }]);
  const child = tinySet([{ ...process, rows: [[0, 1, PE_PARENT], [1, 1, PE_PRESENT]], contents: memory(1, [0, SECRET.slice(5)]) }]);
  t.equal((await gone(t, [child, parent])).report.edits[0]!.changes, 1);
});

t.test('memory: packed pages stay packed', async (t) => {
  const source = tinySet([{ pid: 10, vmas: [anon(0, 40)], rows: [[0, 40, PE_PRESENT]], contents: memory(40, [99_999, SECRET]) }]);
  await compressPages(source, 10, { compress: 'lz4', checksum: true });
  const result = await gone(t, source);
  t.notOk(result.directory.has('pages-10.img'));
  t.same(contentOf(result), memory(40, [99_999, '*'.repeat(SECRET.length)]));
});

t.test('shared memory: once, however many map it; and where nobody does', async (t) => {
  const shared = (pid: number) => ({ pid, ...(pid === 11 && { ppid: 10 }), vmas: [vma(0, 1, VMA.anonShared, { shmid: 5n, pgoff: BigInt(PAGE), flags: 0x21 })] });
  const source = tinySet([shared(10), shared(11)]);
  writePages(new ImageSet(source), 'shmemPagemap', 5, 99, [[0n, 3, PE_PRESENT]], memory(3, [PAGE + 7, SECRET], [2 * PAGE + 7, SECRET]));
  const result = await gone(t, source);
  t.match(result.report.edits, [{ changes: 2, places: [{ pid: 10, object: 'memory: [shared 5]', address: (at(0) + 7n).toString(16) }, { file: 'pagemap-shmem-5.img', address: (2 * PAGE + 7).toString(16) }] }]);
});

t.test('queues, pipes, removed files, segments, messages, terminals', async (t) => {
  const source = tinySet([{ pid: 10 }]);
  const set = new ImageSet(source);
  const [a, b] = [bytes(`<${SECRET.slice(0, 6)}`), bytes(`${SECRET.slice(6)}>`)];
  set.write(IMAGE_TYPES.pipesData, undefined, [{ message: { pipeId: 1, bytes: SECRET.length + 2 }, payload: bytes(`<${SECRET}>`) }]);
  // A stream of two packets, with another one's between them.
  set.write(IMAGE_TYPES.skQueues, undefined, [{ message: { idFor: 5, length: a.length, scm: [] }, payload: a }, { message: { idFor: 6, length: 1, scm: [] }, payload: bytes('z') }, { message: { idFor: 5, length: b.length, scm: [] }, payload: b }]);
  set.write(IMAGE_TYPES.tcpStream, 0xab, [{ message: { inqLen: a.length, inqSeq: 0, outqLen: SECRET.length, outqSeq: 0, optMask: 0, sndWscale: 0, mssClamp: 0 }, payload: { inq: a, outq: bytes(SECRET) } }]);
  set.write(IMAGE_TYPES.ghostFile, 1, [{ message: { uid: 0, gid: 0, mode: 0o100600 }, payload: memory(40, [70_000, SECRET]) }]);
  set.write(IMAGE_TYPES.ghostFile, 2, [{ message: { uid: 0, gid: 0, mode: 0o100600, chunks: true, size: 9000n } }, { message: { len: BigInt(a.length), off: 100n }, payload: a }, { message: { len: BigInt(b.length), off: 100n + BigInt(a.length) }, payload: b }]);
  set.write(IMAGE_TYPES.ipcnsShm, 7, [{ message: { desc: { key: 1, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o600, id: 3 }, size: BigInt(SECRET.length) }, payload: bytes(SECRET) }]);
  set.write(IMAGE_TYPES.ipcnsMsg, 7, [{ message: { desc: { key: 1, uid: 0, gid: 0, cuid: 0, cgid: 0, mode: 0o600, id: 3 }, qbytes: 99, qnum: 2 }, payload: [{ message: { mtype: 1n, msize: 3 }, payload: bytes('abc') }, { message: { mtype: 2n, msize: SECRET.length }, payload: bytes(SECRET) }] }]);
  set.write(IMAGE_TYPES.ttyData, undefined, [{ ttyId: 1, data: bytes(`${SECRET}\n`), lineEnds: [] }]);
  const { set: after, report } = await gone(t, source);
  const stars = '*'.repeat(SECRET.length);
  const text = (content: Uint8Array): string => new TextDecoder().decode(content);
  t.equal(text(after.read(IMAGE_TYPES.pipesData)[0]!.payload), `<${stars}>`);
  t.same(after.read(IMAGE_TYPES.skQueues).map(({ payload }) => text(payload)), ['<******', 'z', '********>']);
  t.same([text(after.readOne(IMAGE_TYPES.tcpStream, 0xab).payload.inq), text(after.readOne(IMAGE_TYPES.tcpStream, 0xab).payload.outq)], [text(a), stars]);
  t.same(after.read(IMAGE_TYPES.ghostFile, 1)[0]!.payload, memory(40, [70_000, stars]));
  t.same(after.read(IMAGE_TYPES.ghostFile, 2).slice(1).map(({ payload }) => text(payload!)), ['<******', '********>']);
  t.equal(text(after.read(IMAGE_TYPES.ipcnsShm, 7)[0]!.payload), stars);
  t.same(after.read(IMAGE_TYPES.ipcnsMsg, 7)[0]!.payload.map(({ payload }) => text(payload)), ['abc', stars]);
  t.equal(text(after.read(IMAGE_TYPES.ttyData)[0]!.data), `${stars}\n`);
  t.equal(report.edits[0]!.changes, 8);
});

t.test('vector registers', async (t) => {
  const source = tinySet([{ pid: 10 }]);
  const set = new ImageSet(source);
  const [core] = set.read(IMAGE_TYPES.core, 10);
  const words = new Uint32Array(memory(1, [0, SECRET.padEnd(16, '\0')]).buffer, 0, 4);
  const long = 'a-secret-of-two-halves-of-16-byt';
  const halves = new Uint32Array(memory(1, [0, long]).buffer, 0, 8);
  const xmmSpace = Array.from({ length: 64 }, (_, i) => (i >= 8 && i < 12 ? words[i - 8]! : i < 4 ? halves[i]! : 7));
  const ymmhSpace = Array.from({ length: 64 }, (_, i) => (i < 4 ? halves[i + 4]! : 9));
  set.write(IMAGE_TYPES.core, 10, [{ ...core!, threadInfo: { ...threadInfo, fpregs: { ...threadInfo.fpregs, xmmSpace, xsave: { xstateBv: 7n, ymmhSpace, bndregState: [], bndcsrState: [], opmaskReg: [], zmmUpper: [], hi16Zmm: [], pkru: [] } } } }]);
  const { set: after, report } = await edited(t, source, [redact(SECRET), redact(long)]);
  const { fpregs } = after.readOne(IMAGE_TYPES.core, 10).threadInfo!;
  const star = 0x2a2a_2a2a;
  t.same(fpregs.xmmSpace, xmmSpace.map((word, i) => (i < 4 ? star : i >= 8 && i < 11 ? star : i === 11 ? 0x2a2a : word)));
  t.same(fpregs.xsave!.ymmhSpace, ymmhSpace.map((word, i) => (i < 4 ? star : word)));
  t.same(report.edits.map(({ changes, places }) => [changes, places[0]?.file]), [[1, 'core-10.img'], [1, 'core-10.img']]);
});

const named: file_entry = { type: fd_types.REG, id: 5, reg: { id: 5, flags: 0, pos: 0n, fown, name: `/srv/${SECRET}/x`, buildId: [] } };
const withSecret = { pid: 10, vmas: [anon(0, 1)], rows: [[0, 1, PE_PRESENT]] as [number, number, number][], contents: memory(1, [50, SECRET]) };

t.test('what can’t be overwritten is told, and refused', async (t) => {
  const source = tinySet([withSecret], [named]);
  await t.rejects(edited(t, source, [redact(SECRET)]), { code: 'edit-refused', message: /files.img: reg_file_entry.name: what is to be redacted is there/ });
  const { report } = await edited(t, source, [redact(SECRET)], { incomplete: 'report' });
  t.same(report.left, [{ file: 'files.img', object: 'reg_file_entry.name' }]);
  const moved = await edited(t, source, [redact(SECRET), { edit: 'path', from: `/srv/${SECRET}`, to: '/srv/other' }]);
  t.same(moved.report.left, [], 'another edit takes it away');
  t.same(holds(moved.directory, SECRET), []);
});

t.test('packed archives and texts', async (t) => {
  const source = tinySet([withSecret]);
  new ImageSet(source).writeRaw(RAW_IMAGE_TYPES.tmpfsImg, 3, bytes('packed'));
  await t.rejects(edited(t, source, [redact(SECRET)]), { code: 'edit-refused', message: /tmpfs-3.tar.gz.img: a packed archive/ });
  source.files.set('tmpfs-3.tar.gz.img', new Uint8Array(0));
  new ImageSet(source).writeRaw(RAW_IMAGE_TYPES.nftables, 3, bytes(`comment "${SECRET}"`));
  await t.rejects(edited(t, source, [redact(SECRET)]), { code: 'edit-refused', message: /nftables-3.img/ });
});

t.test('what could not be looked at', async (t) => {
  const source = tinySet([{ pid: 10, vmas: [anon(0, 1), anon(1, 3), vma(6, 2, VMA.filePrivate, { shmid: 1n })], rows: [[0, 1, PE_PRESENT], [1, 2, PE_LAZY]], contents: memory(1, [0, SECRET]) }]);
  const { report } = await gone(t, source);
  t.match(report.notLookedAt, [{ object: /page server/, pid: 10, length: 2 * PAGE }, { object: /as in the mapped file/, pid: 10, length: 2 * PAGE }]);
});

const text = (source: string): string => `A=${source}\0`;
const withEnv = (value: string): MemoryDirectory => tinySet([{ pid: 10, vmas: [anon(0, 1)], rows: [[0, 1, PE_PRESENT]], contents: memory(1, [0, text(value)]), mm: { mmEnvStart: at(0), mmEnvEnd: at(0) + BigInt(text(value).length) } }]);
const env = (value: string): Edit => ({ edit: 'env', name: 'A', value });

t.test('beside other edits of the same bytes', async (t) => {
  const replaced = await edited(t, withEnv(SECRET), [env('dummy'), redact(SECRET)], { unmatched: 'report' });
  t.same(contentOf(replaced), memory(1, [0, 'A=dummy']), 'a value that is replaced is gone by that');
  await t.rejects(edited(t, withEnv('a'.repeat(20)), [env(SECRET), redact(SECRET)]), { code: 'edit-conflict', message: /another edit writes it/ });
  await t.rejects(edited(t, withEnv('12345'), [env('abcde'), redact(/345\0{3}/)]), { code: 'edit-conflict', message: /a part of what is to be redacted is written by another edit/ });
  const dropped = await edited(t, tinySet([withSecret]), [{ edit: 'drop-pages', kind: 'anonymous' }, redact(SECRET)], { unmatched: 'report' });
  t.same(dropped.report.edits.map(({ edit, changes }) => [edit, changes]), [['drop-pages', 1], ['redact', 0]]);
});

const refusals: { name: string; edit: Edit; code: string; message: RegExp }[] = [
  { name: 'it is nowhere', edit: redact('nowhere'), code: 'edit-unmatched', message: /what is to be redacted \(edit 1\)/ },
  { name: 'an empty text', edit: redact(''), code: 'edit-refused', message: /0 bytes/ },
  { name: 'a text made of the fill', edit: redact('***'), code: 'edit-refused', message: /made of it/ },
  { name: 'no byte', edit: redact(SECRET, 256), code: 'edit-refused', message: /256 is no byte/ },
];
for (const { name, edit, code, message } of refusals) t.test(`refused: ${name}`, async (t) => t.rejects(edited(t, tinySet([withSecret]), [edit]), { code, message }));

t.test('refused: a match without an end', async (t) => {
  const source = tinySet([{ pid: 10, vmas: [anon(0, 600)], rows: [[0, 600, PE_PRESENT]], contents: pages(...Array.from({ length: 600 }, () => page('x'))) }]);
  await t.rejects(edited(t, source, [redact(/x+/)]), { code: 'edit-refused', message: /longer than 65536 bytes/ });
});

t.test('the result can be read, and has the same shape', async (t) => {
  const { directory } = await gone(t, tinySet([withSecret]));
  using checkpoint = await openCheckpoint(directory);
  t.equal((await checkpoint.processes())[0]?.name, 'prog');
});
