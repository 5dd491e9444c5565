// /proc/PID/maps and smaps (proc_pid_maps(5), proc_pid_smaps(5); fs/proc/task_mmu.c). A process may have tens of
// thousands of mappings (7 MB of smaps for 10,000), so they are parsed while they are read.
import { PROT } from '../abi/mman.js';
import { ProcFormatError } from './errors.js';
import { decodePath } from './path-text.js';
import { type ProcTask, readProcInParts } from './read.js';
import { VmFlags } from './vm-flags.js';

export interface MapsEntry {
  /** First byte. Addresses are numbers: page addresses are exact, even those of [vsyscall]. */
  readonly start: number;
  /** Behind the last byte. */
  readonly end: number;
  /** PROT.READ | PROT.WRITE | PROT.EXEC */
  readonly prot: number;
  /** VM_MAYSHARE: the "s" of "rw-s". */
  readonly shared: boolean;
  /** Byte offset into the file. */
  readonly offset: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** 0n: no file. */
  readonly inode: bigint;
  /**
   * As shown: '' (anonymous), "[heap]", "[anon:NAME]", or a path, in which newline is "\012" (see unescapeOctal)
   * and " (deleted)" may follow (see splitDeleted).
   */
  readonly name: string;
}

export interface SmapsEntry extends MapsEntry {
  readonly flags: VmFlags;
  /** Protection key of pkey_mprotect(2); undefined where the kernel shows none. */
  readonly protectionKey: number | undefined;
}

/** @throws ProcessGone, ProcFormatError */
export function readMaps(task: ProcTask): MapsEntry[] {
  const parser = new MapsParser('maps');
  readProcInParts(task, 'maps', (part, last) => parser.parse(part, last));
  return parser.entries;
}

/** @throws ProcessGone, ProcFormatError */
export function readSmaps(task: ProcTask): SmapsEntry[] {
  const parser = new MapsParser('smaps');
  readProcInParts(task, 'smaps', (part, last) => parser.parse(part, last));
  return parser.entries;
}

/** @throws ProcFormatError */
export function parseMaps(text: Buffer): MapsEntry[] {
  const parser = new MapsParser('maps');
  parser.parse(text, true);
  return parser.entries;
}

/** Only ProtectionKey and VmFlags are taken from the lines below each mapping. @throws ProcFormatError */
export function parseSmaps(text: Buffer): SmapsEntry[] {
  const parser = new MapsParser('smaps');
  parser.parse(text, true);
  return parser.entries;
}

const vmFlagsKey = '\nVmFlags: ';
const protectionKeyKey = '\nProtectionKey:';
/** "ProtectionKey: %8u" and its newline: the line before VmFlags, where there is one. */
const protectionKeyLength = protectionKeyKey.length + 9;

const noFlags = VmFlags.parse('');

const protections: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 8 }, (_, bits) => [
    `${bits & 1 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 4 ? 'x' : '-'}`,
    (bits & 1 ? PROT.READ : 0) | (bits & 2 ? PROT.WRITE : 0) | (bits & 4 ? PROT.EXEC : 0),
  ]),
);

const number = (digits: string): number => (digits === '0' || digits === '00' || digits === '00000000' ? 0 : Number.parseInt(digits, 16));

/**
 * Runs once, cold: regular expressions and string functions are native from the start,
 * where a loop over bytes would be interpreted at first and take five times as long.
 */
class MapsParser {
  readonly entries: SmapsEntry[] = [];
  readonly #file: 'maps' | 'smaps';
  /** `start-end rwxp offset major:minor inode   name` */
  readonly #header = /([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-])([ps]) ([0-9a-f]{1,16}) ([0-9a-f]+):([0-9a-f]+) ([0-9]+)(?: +([^\n]*)|)\n/y;
  #text = '';
  // Neighbours mostly map the same file.
  #inodeText = '0';
  #inode = 0n;
  #shownName = '';
  #name = '';
  /** Characters from the end of a header to VmFlags, its last line: nearly always the same as in the entry before. */
  #detailLength = 0;

  constructor(file: 'maps' | 'smaps') {
    this.#file = file;
  }

  /** Parses all whole entries of `part` and returns their length; with `last` nothing may be left. */
  parse(part: Buffer, last: boolean): number {
    // A character a byte; names are decoded later.
    const text = part.toString('latin1');
    this.#text = text;
    const smaps = this.#file === 'smaps';
    let consumed = 0;
    while (consumed < text.length) {
      const headerEnd = text.indexOf('\n', consumed);
      let end = headerEnd;
      let found = 0;
      if (smaps && headerEnd >= 0) {
        found = headerEnd + this.#detailLength;
        if (this.#detailLength === 0 || !text.startsWith(vmFlagsKey, found)) found = text.indexOf(vmFlagsKey, headerEnd);
        end = found < 0 ? -1 : text.indexOf('\n', found + 1);
      }
      if (end < 0) {
        if (last) this.#fail(consumed, headerEnd < 0 ? 'no end of line' : 'no VmFlags below');
        break;
      }
      const entry = this.#entry(consumed);
      if (smaps) {
        this.#detailLength = found - headerEnd;
        entry.flags = VmFlags.parse(text.slice(found + vmFlagsKey.length, end));
        const keyLine = found - protectionKeyLength;
        if (keyLine >= headerEnd && text.startsWith(protectionKeyKey, keyLine)) entry.protectionKey = this.#protectionKey(keyLine);
      }
      this.entries.push(entry);
      consumed = end + 1;
    }
    this.#text = '';
    return consumed;
  }

  #entry(lineStart: number): Mutable<SmapsEntry> {
    this.#header.lastIndex = lineStart;
    const match = this.#header.exec(this.#text);
    if (match === null) this.#fail(lineStart, 'unknown format');
    const inode = match[8] as string;
    if (inode !== this.#inodeText) {
      this.#inodeText = inode;
      this.#inode = BigInt(inode);
    }
    const name = match[9] ?? '';
    if (name !== this.#shownName) {
      this.#shownName = name;
      this.#name = decodePath(Buffer.from(name, 'latin1'));
    }
    return {
      start: Number.parseInt(match[1] as string, 16),
      end: Number.parseInt(match[2] as string, 16),
      prot: protections.get(match[3] as string) as number,
      shared: match[4] === 's',
      offset: number(match[5] as string),
      devMajor: number(match[6] as string),
      devMinor: number(match[7] as string),
      inode: this.#inode,
      name: this.#name,
      flags: noFlags,
      protectionKey: undefined,
    };
  }

  #protectionKey(keyLine: number): number {
    const key = Number(this.#text.slice(keyLine + protectionKeyKey.length, keyLine + protectionKeyLength));
    if (!Number.isInteger(key)) this.#fail(keyLine + 1, 'no protection key');
    return key;
  }

  #fail(lineStart: number, why: string): never {
    const end = this.#text.indexOf('\n', lineStart);
    throw new ProcFormatError(this.#file, this.#text.slice(lineStart, end < 0 ? undefined : end), why);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
