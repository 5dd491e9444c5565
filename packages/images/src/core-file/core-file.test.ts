import t from 'tap';
import { openCheckpoint } from '../checkpoint/open.js';
import { core_entry_march } from '../gen/index.js';
import type { core_entry } from '../gen/index.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_PRESENT } from '../pagemap/pagemap.js';
import { bigEndianSet } from '../testing/big-endian.js';
import { MACHINE_SAMPLES } from '../testing/machines.js';
import { PAGE, at, page, pages, threadInfo, tinySet, vma } from '../testing/tiny-set.js';
import { coreOf } from './core-file.js';
import { encodeHeaders } from './elf.js';
import { MACHINES, machineOf } from './registers.js';

/** A core, read back by elf(5) and nothing of ours. */
function parse(bytes: Uint8Array): { machine: number; wide: boolean; little: boolean; segments: { type: number; flags: number; offset: number; address: bigint; stored: number; length: number }[]; notes: { name: string; type: number; bytes: Uint8Array }[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[4] === 2;
  const little = bytes[5] === 1;
  const long = (offset: number): bigint => (wide ? view.getBigUint64(offset, little) : BigInt(view.getUint32(offset, little)));
  const table = Number(long(wide ? 32 : 28));
  let count = view.getUint16(wide ? 56 : 44, little);
  if (count === 0xffff) count = view.getUint32(Number(long(wide ? 40 : 32)) + (wide ? 44 : 28), little);
  const [row, step] = wide ? [56, 8] : [32, 4];
  const segments = Array.from({ length: count }, (_, i) => {
    const base = table + i * row;
    const first = base + (wide ? 8 : 4);
    const [offset, address, , stored, length] = [0, 1, 2, 3, 4].map((n) => long(first + n * step)) as [bigint, bigint, bigint, bigint, bigint];
    return { type: view.getUint32(base, little), flags: view.getUint32(base + (wide ? 4 : 24), little), offset: Number(offset), address, stored: Number(stored), length: Number(length) };
  });
  const notes = [];
  const note = segments[0]!;
  for (let where = note.offset; where < note.offset + note.stored; ) {
    const [nameSize, size, type] = [0, 4, 8].map((n) => view.getUint32(where + n, little)) as [number, number, number];
    const name = new TextDecoder().decode(bytes.subarray(where + 12, where + 12 + nameSize - 1));
    const from = where + 12 + Math.ceil(nameSize / 4) * 4;
    notes.push({ name, type, bytes: bytes.subarray(from, from + size) });
    where = from + Math.ceil(size / 4) * 4;
  }
  return { machine: view.getUint16(18, little), wide, little, segments, notes };
}

async function coreBytes(set: ReturnType<typeof tinySet>, pid = 10): Promise<Uint8Array> {
  using checkpoint = await openCheckpoint(set);
  const pieces = [];
  for await (const piece of coreOf(await checkpoint.process(pid))) pieces.push(piece);
  return Buffer.concat(pieces);
}

t.test('memory, threads and notes', async (t) => {
  const vmas = [vma(0, 4, VMA.anonPrivate), vma(4, 2, VMA.filePrivate, { shmid: 1n, prot: 5, pgoff: 8192n })];
  const bytes = await coreBytes(tinySet([{ pid: 10, comm: 'a-long-program-name', threads: [12], vmas, rows: [[1, 2, PE_PRESENT], [5, 1, PE_PRESENT]], contents: pages(page('a'), page('b'), page('c')) }]));
  const core = parse(bytes);
  t.equal(core.machine, 62);
  t.same(core.segments.slice(1).map(({ type, flags, address, stored, length }) => [type, flags, Number(address - at(0)) / PAGE, stored / PAGE, length / PAGE]), [
    [1, 6, 0, 0, 1],
    [1, 6, 1, 2, 2],
    [1, 6, 3, 0, 1],
    [1, 5, 4, 0, 1],
    [1, 5, 5, 1, 1],
  ]);
  const letters = core.segments.slice(1).filter(({ stored }) => stored > 0).map(({ offset, stored }) => String.fromCharCode(bytes[offset]!, bytes[offset + stored - 1]!));
  t.same(letters, ['ab', 'cc']);
  t.ok(core.segments.slice(1).every(({ offset }) => offset % PAGE === 0));
  t.same(core.notes.map(({ type }) => type), [1, 3, 6, 0x4649_4c45, 2, 1, 2], 'a thread begins with its NT_PRSTATUS');
  const view = (i: number): DataView => new DataView(core.notes[i]!.bytes.buffer, core.notes[i]!.bytes.byteOffset);
  t.same([view(0).getUint32(32, true), view(5).getUint32(32, true)], [10, 12], 'thread ids');
  t.same([view(0).getBigUint64(112, true), view(0).getBigUint64(112 + 16 * 8, true), view(0).getBigUint64(112 + 26 * 8, true)], [15n, 0x40_1000n, 0n], 'r15, rip, gs');
  t.match(new TextDecoder().decode(core.notes[1]!.bytes.subarray(40, 56)), /^a-long-program-\0$|^a-long-program/);
  const files = core.notes[3]!.bytes;
  t.same([...new BigUint64Array(Uint8Array.from(files.subarray(0, 40)).buffer)], [1n, 4096n, at(4), at(6), 2n], 'the mapped file, its offset in pages');
  t.equal(new TextDecoder().decode(files.subarray(40)), '/bin/prog\0');
});

t.test('XSAVE parts lie where Intel puts them', async (t) => {
  const set = tinySet([{ pid: 10 }]);
  const xsave = { xstateBv: 0x2e7n, ymmhSpace: Array.from({ length: 64 }, (_, i) => 100 + i), bndregState: [], bndcsrState: [], opmaskReg: [7n, 8n], zmmUpper: [9n], hi16Zmm: [10n], pkru: [0x5555_5554, 0] };
  new ImageSet(set).write(IMAGE_TYPES.core, 10, [{ mtype: core_entry_march.X86_64, threadInfo: { ...threadInfo, fpregs: { ...threadInfo.fpregs, xsave } }, tc: { taskState: 1, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, sigactions: [], comm: 'x' } }]);
  const note = parse(await coreBytes(set)).notes.find(({ type }) => type === 0x202)!.bytes;
  const view = new DataView(note.buffer, note.byteOffset, note.byteLength);
  t.equal(note.length, 2696);
  t.same([view.getBigUint64(464, true), view.getBigUint64(512, true)], [0x2e7n, 0x2e7n], 'XCR0, XSTATE_BV');
  t.same([view.getUint32(160, true), view.getUint32(576, true), view.getBigUint64(1096, true), view.getBigUint64(1152, true), view.getBigUint64(1664, true), view.getUint32(2688, true)], [0, 100, 8n, 9n, 10n, 0x5555_5554]);
});

for (const { name, mtype, core, size, pc, notes, bigEndian = false } of MACHINE_SAMPLES) {
  t.test(`registers of ${name}`, async (t) => {
    const set = tinySet([{ pid: 10 }]);
    new ImageSet(set).write(IMAGE_TYPES.core, 10, [{ mtype, tc: { taskState: 1, exitCode: 0, personality: 0, flags: 0, blkSigset: 3n, sigactions: [], comm: 'x' }, ...core(1000) }]);
    const parsed = parse(await coreBytes(bigEndian ? bigEndianSet(set) : set));
    const machine = machineOf({ mtype, ...core(1000) })!;
    t.same([parsed.machine, parsed.wide, parsed.little], [machine.machine, machine.word === 8, !bigEndian]);
    const [status] = parsed.notes;
    t.equal(status!.bytes.length, size, 'NT_PRSTATUS');
    const view = new DataView(status!.bytes.buffer, status!.bytes.byteOffset);
    const word = (at: number): bigint => (machine.word === 8 ? view.getBigUint64(at, !bigEndian) : BigInt(view.getUint32(at, !bigEndian)));
    const counter = ['pc', 'rip', 'eip'].find((register) => register in MACHINE_SAMPLES.find((sample) => sample.name === name)!.registers(1000))!;
    t.same([word(pc), word(machine.word === 8 ? 24 : 20)], [MACHINE_SAMPLES.find((sample) => sample.name === name)!.registers(1000)[counter], 3n], 'program counter, blocked signals');
    t.same(parsed.notes.slice(4).map((note) => [note.type, note.bytes.length]), notes);
  });
}

const refused: { name: string; set: ReturnType<typeof tinySet>; error: RegExp }[] = [
  { name: 'a zombie', set: tinySet([{ pid: 10, state: 6 }]), error: /no core of process 10: it is a zombie/ },
  { name: 'a machine that is not known', set: withCore({ mtype: core_entry_march.UNKNOWN }), error: /registers of UNKNOWN are not known/ },
  { name: 'no registers', set: withCore({ mtype: core_entry_march.AARCH64 }), error: /its thread 10 has no/ },
];
function withCore(core: core_entry): ReturnType<typeof tinySet> {
  const set = tinySet([{ pid: 10 }]);
  new ImageSet(set).write(IMAGE_TYPES.core, 10, [core]);
  return set;
}
for (const { name, set, error } of refused) {
  t.test(`refused: ${name}`, async (t) => {
    await t.rejects(coreBytes(set), { code: 'no-core', message: error });
  });
}

t.test('more program headers than 65,534', (t) => {
  const segments = Array.from({ length: 70_000 }, (_, i) => ({ address: BigInt(i) * 8192n, length: 4096n, stored: 0n, flags: 4 }));
  for (const mtype of [core_entry_march.X86_64, core_entry_march.ARM, core_entry_march.S390] as const) {
    const parsed = parse(encodeHeaders(MACHINES[mtype]!, new Uint8Array(0), segments, 4096));
    t.equal(parsed.segments.length, 70_001);
    t.equal(parsed.segments.at(-1)!.address, 69_999n * 8192n);
  }
  t.end();
});
