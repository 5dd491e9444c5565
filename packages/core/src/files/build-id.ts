// The build id of ELF files (NT_GNU_BUILD_ID, elf(5)): by it a mapped program or library is known to be the same.
import { Memory, type OwnedFd, preadFully } from '@criu-ts/kernel/sys';
import { O } from '@criu-ts/kernel/abi';
import { HostLacks } from '../errors.js';
import { reopen } from './paths.js';

const PT_NOTE = 4;
const NT_GNU_BUILD_ID = 3;
const PHDR_SIZE = 56;
/** Enough for headers and notes of nearly all files; the rest is read where a note lies beyond. */
const head = new Memory(4096);
const note = new Memory(4096);
/** Notes further behind are not looked for (as in CRIU). */
const LIMIT = 1024 * 1024;

/** As images hold it: little-endian words, the last one filled up with zeros. Empty where there is none. */
export function buildIdOf(fd: OwnedFd): number[] {
  using readable = reopen(fd, O.RDONLY | O.NONBLOCK);
  const id = findBuildId((offset, length) => {
    const memory = offset === 0 ? head : note;
    const count = preadFully(readable, memory.address, Math.min(length, memory.size), offset);
    return memory.bytes.subarray(0, count);
  });
  return id === undefined ? [] : toWords(id);
}

export function toWords(bytes: Uint8Array): number[] {
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 4) {
    words.push(((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)) >>> 0);
  }
  return words;
}

/** 64-bit little-endian ELF only. @param read bytes at an offset; fewer where the file ends */
export function findBuildId(read: (offset: number, length: number) => Uint8Array): Uint8Array | undefined {
  const header = read(0, 4096);
  if (header.length < 64 || header[0] !== 0x7f || header[1] !== 0x45 || header[2] !== 0x4c || header[3] !== 0x46) return undefined;
  if (header[4] !== 2 || header[5] !== 1) return undefined;
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const phoff = Number(view.getBigUint64(32, true));
  const count = view.getUint16(56, true);
  if (view.getUint16(54, true) !== PHDR_SIZE || phoff + count * PHDR_SIZE > header.length) return undefined;
  const notes: { offset: number; size: number }[] = [];
  for (let i = 0; i < count; i++) {
    const at = phoff + i * PHDR_SIZE;
    if (view.getUint32(at, true) === PT_NOTE) notes.push({ offset: Number(view.getBigUint64(at + 8, true)), size: Number(view.getBigUint64(at + 32, true)) });
  }
  for (const { offset, size } of notes) {
    if (offset + size > LIMIT) continue;
    const bytes = offset + size <= header.length ? header.subarray(offset, offset + size) : read(offset, size);
    const id = findInNotes(bytes);
    if (id !== undefined) return id;
  }
  return undefined;
}

function findInNotes(bytes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 12 <= bytes.length; ) {
    const [nameSize, size, type] = [view.getUint32(at, true), view.getUint32(at + 4, true), view.getUint32(at + 8, true)];
    const begin = at + 12 + align4(nameSize);
    if (begin + size > bytes.length) return undefined;
    if (type === NT_GNU_BUILD_ID && nameSize === 4 && Buffer.from(bytes.subarray(at + 12, at + 16)).toString('latin1') === 'GNU\0') return bytes.slice(begin, begin + size);
    at = begin + align4(size);
  }
  return undefined;
}

const align4 = (size: number): number => (size + 3) & ~3;

/** @throws HostLacks where the file has another one; a file that lost it is told by its size */
export function checkBuildId(expected: readonly number[], path: string, fd: OwnedFd): void {
  const found = buildIdOf(fd);
  if (found.length === 0 || (found.length === expected.length && found.every((word, i) => word === expected[i]))) return;
  throw new HostLacks('file-changed', `${path} is another build than at the dump`, {
    why: 'the memory of the process holds addresses and code of the old build',
    hint: 'bring back the version that was dumped',
  });
}
