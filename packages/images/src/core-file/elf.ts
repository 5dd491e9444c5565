import type { Machine } from './machine.js';

/** A program header: a part of the process's memory, and where in the core its bytes lie. */
export interface Segment {
  readonly address: bigint;
  /** bytes of memory */
  readonly length: bigint;
  /** bytes in the core: as much as `length`, or none */
  readonly stored: bigint;
  /** PF_X 1, PF_W 2, PF_R 4 */
  readonly flags: number;
}

const PT_LOAD = 1;
const PT_NOTE = 4;
const ET_CORE = 4;
/** More program headers than e_phnum can tell: the number is in the first section header (elf(5)). */
const PN_XNUM = 0xffff;

/** Everything of a core before the memory: headers, notes, and the padding up to a page. */
export function encodeHeaders(machine: Machine, notes: Uint8Array, segments: readonly Segment[], pageSize: number): Uint8Array {
  const wide = machine.word === 8;
  const little = machine.bigEndian !== true;
  const [headerSize, rowSize, sectionSize] = wide ? [64, 56, 64] : [52, 32, 40];
  const rows = segments.length + 1;
  const many = rows >= PN_XNUM;
  const sectionAt = headerSize + rows * rowSize;
  const notesAt = Math.ceil((sectionAt + (many ? sectionSize : 0)) / 4) * 4;
  const memoryAt = Math.ceil((notesAt + notes.length) / pageSize) * pageSize;
  const bytes = new Uint8Array(memoryAt);
  const view = new DataView(bytes.buffer);
  const long = (at: number, value: bigint): void => (wide ? view.setBigUint64(at, value, little) : view.setUint32(at, Number(value), little));
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1]);
  view.setUint16(16, ET_CORE, little);
  view.setUint16(18, machine.machine, little);
  view.setUint32(20, 1, little);
  // e_entry, e_phoff, e_shoff
  long(24 + machine.word, BigInt(headerSize));
  long(24 + 2 * machine.word, many ? BigInt(sectionAt) : 0n);
  const tail = 24 + 3 * machine.word;
  view.setUint32(tail, machine.flags, little);
  [headerSize, rowSize, many ? PN_XNUM : rows, many ? sectionSize : 0, many ? 1 : 0, 0].forEach((value, i) => view.setUint16(tail + 4 + 2 * i, value, little));

  const row = (i: number, type: number, flags: number, offset: bigint, address: bigint, stored: bigint, length: bigint, alignment: bigint): void => {
    const at = headerSize + i * rowSize;
    view.setUint32(at, type, little);
    view.setUint32(at + (wide ? 4 : 24), flags, little);
    [offset, address, 0n, stored, length].forEach((value, j) => long(at + (wide ? 8 : 4) + j * machine.word, value));
    long(at + (wide ? 48 : 28), alignment);
  };
  row(0, PT_NOTE, 0, BigInt(notesAt), 0n, BigInt(notes.length), 0n, 4n);
  let offset = BigInt(memoryAt);
  segments.forEach(({ address, length, stored, flags }, i) => {
    row(i + 1, PT_LOAD, flags, offset, address, stored, length, BigInt(pageSize));
    offset += stored;
  });
  // sh_info of the only section header
  if (many) view.setUint32(sectionAt + (wide ? 44 : 28), rows, little);
  bytes.set(notes, notesAt);
  return bytes;
}
