import type { core_entry } from '../gen/core.js';
import type { creds_entry } from '../gen/creds.js';
import type { Machine } from './machine.js';

/** The notes of an ELF core (linux/elfcore.h, and elf(5) for how they lie in the segment). */

const NT_PRSTATUS = 1;
const NT_PRPSINFO = 3;
const NT_AUXV = 6;
const NT_FILE = 0x4649_4c45;

export interface Note {
  readonly name: string;
  readonly type: number;
  readonly bytes: Uint8Array;
}

const align = (size: number, to: number): number => Math.ceil(size / to) * to;

/** Notes one behind the other: three words, the name, the bytes, each aligned to four. */
export function encodeNotes(machine: Machine, notes: readonly Note[]): Uint8Array {
  const little = machine.bigEndian !== true;
  const sizes = notes.map(({ name, bytes }) => 12 + align(name.length + 1, 4) + align(bytes.length, 4));
  const all = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const view = new DataView(all.buffer);
  let at = 0;
  notes.forEach(({ name, type, bytes }, i) => {
    view.setUint32(at, name.length + 1, little);
    view.setUint32(at + 4, bytes.length, little);
    view.setUint32(at + 8, type, little);
    all.set(new TextEncoder().encode(name), at + 12);
    all.set(bytes, at + 12 + align(name.length + 1, 4));
    at += sizes[i]!;
  });
  return all;
}

export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
}

/** NT_PRSTATUS: who the thread is, its blocked signals and general registers (struct elf_prstatus). */
export function statusNote(machine: Machine, process: ProcessFacts, tid: number, core: core_entry, general: Uint8Array): Note {
  const { word } = machine;
  const little = machine.bigEndian !== true;
  // siginfo (three ints), pr_cursig, then two longs, four pids, four timevals of two longs each.
  const pids = 16 + 2 * word;
  const registers = pids + 16 + 8 * word;
  const bytes = new Uint8Array(align(registers + general.length + 4, word));
  const view = new DataView(bytes.buffer);
  const blocked = core.threadCore?.blkSigset ?? core.tc?.blkSigset ?? 0n;
  if (word === 8) view.setBigUint64(24, blocked, little);
  else view.setUint32(20, Number(blocked & 0xffff_ffffn), little);
  [tid, process.ppid, process.pgid, process.sid].forEach((id, i) => view.setUint32(pids + 4 * i, id, little));
  bytes.set(general, registers);
  // pr_fpvalid
  view.setUint32(registers + general.length, 1, little);
  return { name: 'CORE', type: NT_PRSTATUS, bytes };
}

/** NT_PRPSINFO: name and arguments (struct elf_prpsinfo). */
export function processNote(machine: Machine, process: ProcessFacts, core: core_entry, credentials: creds_entry | undefined, args: readonly string[]): Note {
  const wide = machine.word === 8;
  const little = machine.bigEndian !== true;
  const bytes = new Uint8Array(wide ? 136 : 124);
  const view = new DataView(bytes.buffer);
  bytes[1] = 'R'.charCodeAt(0);
  bytes[3] = core.threadCore?.schedNice ?? 0;
  // ARM and i386 have 16-bit user ids here.
  const ids = wide ? 24 : 12;
  if (wide) [credentials?.uid ?? 0, credentials?.gid ?? 0].forEach((id, i) => view.setUint32(16 + 4 * i, id, little));
  else [credentials?.uid ?? 0, credentials?.gid ?? 0].forEach((id, i) => view.setUint16(8 + 2 * i, id & 0xffff, little));
  [process.pid, process.ppid, process.pgid, process.sid].forEach((id, i) => view.setUint32(ids + 4 * i, id, little));
  bytes.set(cut(core.tc?.comm ?? '', 15), ids + 16);
  bytes.set(cut(args.join(' '), 79), ids + 32);
  return { name: 'CORE', type: NT_PRPSINFO, bytes };
}

const cut = (text: string, length: number): Uint8Array => new TextEncoder().encode(text).subarray(0, length);

export function auxvNote(machine: Machine, auxv: readonly (readonly [bigint, bigint])[]): Note {
  const little = machine.bigEndian !== true;
  // A reader stops at AT_NULL, which images may leave out.
  const words = [...auxv.flat(), ...(auxv.at(-1)?.[0] === 0n ? [] : [0n, 0n])];
  const bytes = new Uint8Array(words.length * machine.word);
  const view = new DataView(bytes.buffer);
  words.forEach((value, i) => {
    if (machine.word === 8) view.setBigUint64(i * 8, value, little);
    else view.setUint32(i * 4, Number(value & 0xffff_ffffn), little);
  });
  return { name: 'CORE', type: NT_AUXV, bytes };
}

export interface MappedFile {
  readonly start: bigint;
  readonly end: bigint;
  /** bytes into the file */
  readonly offset: bigint;
  readonly path: string;
}

/** NT_FILE: which files are mapped where, so that a debugger finds the code that no core holds (fs/binfmt_elf.c: fill_files_note). */
export function filesNote(machine: Machine, files: readonly MappedFile[], pageSize: number): Note {
  const { word } = machine;
  const little = machine.bigEndian !== true;
  const names = files.map(({ path }) => new TextEncoder().encode(`${path}\0`));
  const bytes = new Uint8Array((2 + 3 * files.length) * word + names.reduce((sum, name) => sum + name.length, 0));
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: bigint): void => (word === 8 ? view.setBigUint64(at * 8, value, little) : view.setUint32(at * 4, Number(value), little));
  put(0, BigInt(files.length));
  put(1, BigInt(pageSize));
  files.forEach(({ start, end, offset }, i) => [start, end, offset / BigInt(pageSize)].forEach((value, j) => put(2 + 3 * i + j, value)));
  let at = (2 + 3 * files.length) * word;
  for (const name of names) {
    bytes.set(name, at);
    at += name.length;
  }
  return { name: 'CORE', type: NT_FILE, bytes };
}
