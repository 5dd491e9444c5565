import t from 'tap';
import { mm_entry, vma_entry } from '../gen/index.js';
import { UNKNOWN_FIELDS } from './description.js';
import { WireWriter } from './wire-writer.js';

/** Field 14 of mm_entry, length-delimited. */
const VMAS_TAG = 0x72;
const MM: mm_entry = { mmStartCode: 0n, mmEndCode: 0n, mmStartData: 0n, mmEndData: 0n, mmStartStack: 0n, mmStartBrk: 0n, mmBrk: 0n, mmArgStart: 0n, mmArgEnd: 0n, mmEnvStart: 0n, mmEnvEnd: 0n, exeFileId: 0, mmSavedAuxv: [], vmas: [], aios: [] };
const usual: vma_entry = { start: 0x7fff_1234_5000n, end: 0x7fff_1234_6000n, pgoff: 0n, shmid: 0n, prot: 3, flags: 0x22, status: 0x201, fd: -1n };

/** mm_entry with these bytes as its VMAs, put together without the fast path. */
function mmOf(...vmas: readonly Uint8Array[]): Uint8Array {
  const writer = new WireWriter();
  mm_entry.encodeInto(MM, writer);
  for (const bytes of vmas) {
    writer.tag(VMAS_TAG);
    writer.uint32(bytes.length);
    writer.bytes(bytes);
  }
  return writer.finish().slice();
}

const plain = vma_entry.encode(usual);
const rows: { name: string; vma: vma_entry }[] = [
  { name: 'usual', vma: usual },
  { name: 'all fields', vma: { ...usual, madv: 1n << 17n, fdflags: 0o2 } },
  { name: 'madv alone', vma: { ...usual, madv: 0n } },
  { name: 'fdflags alone', vma: { ...usual, fdflags: 0 } },
  { name: 'the largest numbers', vma: { start: 2n ** 64n - 1n, end: 2n ** 64n - 1n, pgoff: 2n ** 64n - 1n, shmid: 2n ** 63n, prot: 2 ** 32 - 1, flags: 2 ** 32 - 1, status: 2 ** 31, fd: 2n ** 63n - 1n, madv: 2n ** 64n - 1n, fdflags: 2 ** 32 - 1 } },
  { name: 'the lowest descriptor', vma: { ...usual, fd: -(2n ** 63n) } },
  { name: 'every length of number', vma: { ...usual, start: 127n, end: 128n, pgoff: 2n ** 28n, shmid: 2n ** 35n - 1n, prot: 127, flags: 128, status: 2 ** 28, fd: -(2n ** 34n) } },
  { name: 'fields nobody knows', vma: { ...usual, [UNKNOWN_FIELDS]: Uint8Array.of(0x7a, 1, 9) } as vma_entry },
];

for (const { name, vma } of rows) {
  t.test(`as the general codec does: ${name}`, (t) => {
    for (const list of [[vma], [usual, vma, usual], [vma, vma]]) {
      const bytes = mmOf(...list.map((entry) => vma_entry.encode(entry)));
      t.same(mm_entry.encode({ ...MM, vmas: list }), bytes);
      t.same(mm_entry.decode(bytes).vmas, list);
    }
    t.end();
  });
}

const otherOrder = Uint8Array.from([...plain.slice(-2), ...plain.slice(0, -2)]);
const readable: { name: string; bytes: Uint8Array; vma: object }[] = [
  { name: 'fields in another order', bytes: otherOrder, vma: usual },
  { name: 'a field given twice', bytes: Uint8Array.from([...plain, 0x28, 7]), vma: { ...usual, prot: 7 } },
  { name: 'a number longer than need be', bytes: Uint8Array.from([...plain, 0x50, 0x81, 0x80, 0x00]), vma: { ...usual, fdflags: 1 } },
  { name: 'longer than 127 bytes', bytes: Uint8Array.from([...plain, 0x7a, 0x80, 1, ...new Uint8Array(128)]), vma: { ...usual, [UNKNOWN_FIELDS]: Uint8Array.from([0x7a, 0x80, 1, ...new Uint8Array(128)]) } },
];
for (const { name, bytes, vma } of readable) {
  t.test(`read by the general codec: ${name}`, (t) => {
    t.same(mm_entry.decode(mmOf(plain, bytes, plain)).vmas, [usual, vma, usual]);
    t.end();
  });
}

const corrupt: { name: string; bytes: Uint8Array; message: RegExp }[] = [
  { name: 'a missing field', bytes: plain.slice(0, -2), message: /required field fd of vma_entry is missing/ },
  { name: 'a number beyond the end', bytes: plain.slice(0, -1), message: /required field fd|goes beyond its end|cut short/ },
  { name: 'a number of eleven bytes', bytes: Uint8Array.from([0x08, ...new Array<number>(10).fill(0xff), 1, ...plain]), message: /longer than 64 bits/ },
  { name: 'a string', bytes: Uint8Array.from([...plain, 0x4a, 0]), message: /field madv of vma_entry has wire type 2/ },
];
for (const { name, bytes, message } of corrupt) {
  t.test(`corrupt: ${name}`, (t) => {
    t.throws(() => mm_entry.decode(mmOf(plain, bytes)), { code: 'image-corrupt', message });
    t.throws(() => mm_entry.decode(mmOf(plain, bytes, plain)), { code: 'image-corrupt', message });
    t.end();
  });
}

t.test('every cut of a list is corrupt or shorter', (t) => {
  const whole = mmOf(plain, plain, plain);
  for (let length = whole.length - 2 * plain.length; length < whole.length; length++) {
    try {
      if (mm_entry.decode(whole.subarray(0, length)).vmas.length >= 3) t.fail(`three VMAs in ${length} bytes`);
    } catch (error) {
      if ((error as { code?: string }).code !== 'image-corrupt') throw error;
    }
  }
  t.equal(mm_entry.decode(whole).vmas.length, 3);
  t.end();
});

const refused: { name: string; vma: object; message: RegExp }[] = [
  { name: 'a required field is missing', vma: { ...usual, end: undefined }, message: /vma_entry: required field end is not set/ },
  { name: 'a number for a bigint', vma: { ...usual, end: 5 }, message: /vma_entry.end: expected a bigint/ },
  { name: 'a bigint for a number', vma: { ...usual, prot: 5n }, message: /vma_entry.prot: expected a number/ },
  { name: 'beyond 64 bits', vma: { ...usual, start: 2n ** 64n + 5n }, message: /vma_entry.start: .* is not an unsigned 64-bit number/ },
  { name: 'below zero', vma: { ...usual, shmid: -1n }, message: /vma_entry.shmid: -1 is not an unsigned/ },
  { name: 'a descriptor beyond 64 bits', vma: { ...usual, fd: 2n ** 63n }, message: /vma_entry.fd: .* is not a signed 64-bit number/ },
  { name: 'beyond 32 bits', vma: { ...usual, flags: 2 ** 32 }, message: /vma_entry.flags: 4294967296 is not an integer/ },
  { name: 'a fraction', vma: { ...usual, fdflags: 0.5 }, message: /vma_entry.fdflags: 0.5 is not an integer/ },
  { name: 'null', vma: { ...usual, madv: null }, message: /vma_entry.madv: expected a bigint, got null/ },
];
for (const { name, vma, message } of refused) {
  t.test(`refused: ${name}`, (t) => {
    t.throws(() => mm_entry.encode({ ...MM, vmas: [usual, vma as vma_entry, usual] }), { message });
    t.end();
  });
}
