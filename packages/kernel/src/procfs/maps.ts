// /proc/PID/maps and smaps (proc_pid_maps(5), proc_pid_smaps(5); fs/proc/task_mmu.c). A process may have tens of
// thousands of mappings (7 MB of smaps for 10,000), so they are parsed on bytes and while they are read.
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

const SPACE = 0x20;
const NEWLINE = 0x0a;
const DASH = 0x2d;
const COLON = 0x3a;
const vmFlagsKey = Buffer.from('\nVmFlags:');
const protectionKey = Buffer.from('\nProtectionKey:');
/** "ProtectionKey: %8u" and its newline: the line before VmFlags, where there is one. */
const protectionKeyLength = protectionKey.length + 9;

/** The value of a hexadecimal digit by its code; 16 for all else. */
const digits = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 16 : value;
});

const noFlags = VmFlags.parse('');

class MapsParser {
  readonly entries: SmapsEntry[] = [];
  readonly #file: 'maps' | 'smaps';
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  // Neighbours mostly map the same file with the same flags: what was made of the last bytes is kept.
  #name = '';
  #nameBytes: Buffer = Buffer.alloc(512);
  #nameLength = 0;
  #flags = noFlags;
  #flagsBytes: Buffer = Buffer.alloc(512);
  #flagsLength = 0;
  #inodeNumber = 0;
  #inode = 0n;
  /** Bytes from the end of a header to VmFlags, its last line: nearly always the same as in the entry before. */
  #detailLength = 0;

  constructor(file: 'maps' | 'smaps') {
    this.#file = file;
  }

  /** Parses all whole entries of `part` and returns their length; with `last` nothing may be left. */
  parse(part: Buffer, last: boolean): number {
    this.#bytes = part;
    this.#at = 0;
    const smaps = this.#file === 'smaps';
    let consumed = 0;
    while (consumed < part.length) {
      const headerEnd = part.indexOf(NEWLINE, consumed);
      if (headerEnd < 0) {
        if (last) this.#fail(consumed, 'no end of line');
        break;
      }
      let end = headerEnd;
      let flagsStart = 0;
      if (smaps) {
        let found = headerEnd + this.#detailLength;
        if (this.#detailLength === 0 || !matches(part, found, vmFlagsKey)) {
          found = part.indexOf(vmFlagsKey, headerEnd);
        }
        end = found < 0 ? -1 : part.indexOf(NEWLINE, found + 1);
        if (end < 0) {
          if (last) this.#fail(consumed, 'no VmFlags below');
          break;
        }
        this.#detailLength = found - headerEnd;
        flagsStart = found + vmFlagsKey.length;
      }
      this.#entry(consumed, headerEnd, flagsStart, end);
      consumed = end + 1;
    }
    return consumed;
  }

  /** A header line `start-end rwxp offset major:minor inode   name`; flags from `flagsStart` on, unless that is 0. */
  #entry(lineStart: number, lineEnd: number, flagsStart: number, flagsEnd: number): void {
    const bytes = this.#bytes;
    this.#at = lineStart;
    const start = this.#hex(DASH, lineStart);
    const end = this.#hex(SPACE, lineStart);
    let at = this.#at;
    const sharing = bytes[at + 3];
    if ((sharing !== 0x70 && sharing !== 0x73) || bytes[at + 4] !== SPACE) this.#fail(lineStart, 'no permissions');
    const prot =
      (bytes[at] === 0x72 ? PROT.READ : 0) | (bytes[at + 1] === 0x77 ? PROT.WRITE : 0) | (bytes[at + 2] === 0x78 ? PROT.EXEC : 0);
    this.#at = at + 5;
    const offset = this.#hex(SPACE, lineStart);
    const devMajor = this.#hex(COLON, lineStart);
    const devMinor = this.#hex(SPACE, lineStart);

    const inodeStart = this.#at;
    let inode = 0;
    let digit: number;
    for (at = inodeStart; (digit = digits[bytes[at] as number] as number) < 10; at++) inode = inode * 10 + digit;
    if (at === inodeStart || (bytes[at] !== SPACE && bytes[at] !== NEWLINE)) this.#fail(lineStart, 'no inode');
    if (inode !== this.#inodeNumber || !Number.isSafeInteger(inode)) this.#newInode(inode, inodeStart, at);
    while (bytes[at] === SPACE) at++;
    if (at < lineEnd) this.#newName(at, lineEnd);
    const keyLine = flagsStart - vmFlagsKey.length - protectionKeyLength;
    this.entries.push({
      start,
      end,
      prot,
      shared: sharing === 0x73,
      offset,
      devMajor,
      devMinor,
      inode: this.#inode,
      name: at < lineEnd ? this.#name : '',
      flags: flagsStart === 0 ? noFlags : this.#newFlags(flagsStart, flagsEnd),
      protectionKey: keyLine >= lineEnd && matches(bytes, keyLine, protectionKey) ? this.#protectionKey(keyLine) : undefined,
    });
  }

  #hex(terminator: number, lineStart: number): number {
    const bytes = this.#bytes;
    let at = this.#at;
    // Two halves in integer arithmetic: seven digits in `low`, those before them in `high`.
    let high = 0;
    let low = 0;
    let digit: number;
    for (; (digit = digits[bytes[at] as number] as number) < 16; at++) {
      high = (high << 4) | (low >>> 24);
      low = ((low & 0xffffff) << 4) | digit;
    }
    const length = at - this.#at;
    if (length === 0 || length > 16 || bytes[at] !== terminator) this.#fail(lineStart, 'unknown format');
    const value = length < 15 ? high * 0x1000_0000 + low : Number.parseInt(bytes.toString('latin1', this.#at, at), 16);
    this.#at = at + 1;
    return value;
  }

  #newInode(value: number, start: number, end: number): void {
    this.#inodeNumber = value;
    this.#inode = Number.isSafeInteger(value) ? BigInt(value) : BigInt(this.#bytes.toString('latin1', start, end));
  }

  #newName(start: number, end: number): void {
    const length = end - start;
    if (length === this.#nameLength && matches(this.#bytes, start, this.#nameBytes, length)) return;
    const bytes = this.#bytes.subarray(start, end);
    this.#name = decodePath(bytes);
    this.#nameLength = length <= this.#nameBytes.length ? length : -1;
    bytes.copy(this.#nameBytes);
  }

  #newFlags(start: number, end: number): VmFlags {
    const length = end - start;
    if (length === this.#flagsLength && matches(this.#bytes, start, this.#flagsBytes, length)) return this.#flags;
    const bytes = this.#bytes.subarray(start, end);
    this.#flags = VmFlags.parse(bytes.toString('latin1'));
    this.#flagsLength = length <= this.#flagsBytes.length ? length : -1;
    bytes.copy(this.#flagsBytes);
    return this.#flags;
  }

  #protectionKey(keyLine: number): number {
    const text = this.#bytes.toString('latin1', keyLine + protectionKey.length, keyLine + protectionKeyLength);
    const key = Number(text);
    if (!Number.isInteger(key)) this.#fail(keyLine + 1, 'no protection key');
    return key;
  }

  #fail(lineStart: number, why: string): never {
    const end = this.#bytes.indexOf(NEWLINE, lineStart);
    throw new ProcFormatError(this.#file, this.#bytes.toString('latin1', lineStart, end < 0 ? undefined : end), why);
  }
}

function matches(bytes: Buffer, at: number, key: Buffer, length = key.length): boolean {
  for (let i = length - 1; i >= 0; i--) if (bytes[at + i] !== key[i]) return false;
  return true;
}
