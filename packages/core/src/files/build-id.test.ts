import t from 'tap';
import { findBuildId, toWords } from './build-id.js';

/** A note section: its name, type and contents. */
function note(name: string, type: number, contents: readonly number[]): number[] {
  const pad = (bytes: readonly number[]): number[] => [...bytes, ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0)];
  const u32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
  const nameBytes = [...Buffer.from(`${name}\0`)];
  return [...u32(nameBytes.length), ...u32(contents.length), ...u32(type), ...pad(nameBytes), ...pad(contents)];
}

/** A 64-bit ELF file of program headers and notes, each note segment at an offset. */
function elf(segments: readonly { offset: number; bytes: readonly number[] }[], { magic = 0x7f, bits = 2 } = {}): Uint8Array {
  const file = new Uint8Array(8192);
  const view = new DataView(file.buffer);
  file.set([magic, 0x45, 0x4c, 0x46, bits, 1]);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  segments.forEach(({ offset, bytes }, i) => {
    const at = 64 + 56 * i;
    view.setUint32(at, 4, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    file.set(bytes, offset);
  });
  return file;
}

const ID = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const find = (file: Uint8Array): number[] | undefined => {
  const found = findBuildId((offset, length) => file.subarray(offset, offset + length));
  return found && [...found];
};

t.test('the build id is found wherever its note lies', async (t) => {
  const id = note('GNU', 3, ID);
  const other = note('GNU', 1, [0, 0, 0, 0]);
  const rows: [name: string, file: Uint8Array, expected: number[] | undefined][] = [
    ['alone', elf([{ offset: 1000, bytes: id }]), ID],
    ['behind another note', elf([{ offset: 1000, bytes: [...other, ...id] }]), ID],
    ['in the second segment', elf([{ offset: 1000, bytes: other }, { offset: 2000, bytes: id }]), ID],
    ['beyond the first page', elf([{ offset: 6000, bytes: id }]), ID],
    ["somebody else's note of that type", elf([{ offset: 1000, bytes: note('Go', 3, ID) }]), undefined],
    ['cut short', elf([{ offset: 1000, bytes: id.slice(0, 20) }]), undefined],
    ['no notes', elf([]), undefined],
    ['no ELF', elf([{ offset: 1000, bytes: id }], { magic: 0x7e }), undefined],
    ['32-bit', elf([{ offset: 1000, bytes: id }], { bits: 1 }), undefined],
    ['empty', new Uint8Array(0), undefined],
    ['headers beyond the first page', elf([{ offset: 1000, bytes: id }]).map((byte, i) => (i === 33 ? 0x20 : byte)), undefined],
  ];
  for (const [name, file, expected] of rows) t.same(find(file), expected, name);
});

t.test('as words the last one is filled up', async (t) => {
  t.same(toWords(Uint8Array.from(ID)), [0x04030201, 0x08070605, 0x0a09]);
  t.same(toWords(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), [0xffff_ffff]);
});
