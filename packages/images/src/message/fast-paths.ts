import { UNKNOWN_FIELDS } from './description.js';
import type { ListFastPath } from './description.js';
import { HIGH, LOW, pair, whole } from './word-pair.js';

const FIELDS = 10;
/** Numbers of the 64-bit fields start, end, pgoff, shmid, fd, madv, which come in between the others. */
const FD = 8;
const MADV = 9;
const FDFLAGS = 10;
/** Tag and length, and for each field a tag byte and the longest varint. */
const MAX_VMA = 2 + FIELDS * 11;

/** A vma_entry (gen/vma.ts), as far as it is told from here. */
interface Vma {
  readonly start: bigint;
  readonly end: bigint;
  readonly pgoff: bigint;
  readonly shmid: bigint;
  readonly prot: number;
  readonly flags: number;
  readonly status: number;
  readonly fd: bigint;
  madv?: bigint | undefined;
  fdflags?: number | undefined;
  readonly lockOnFault?: boolean | undefined;
  readonly sealed?: boolean | undefined;
  readonly anonName?: string | undefined;
  readonly [UNKNOWN_FIELDS]?: Uint8Array;
}

/**
 * 10,000 VMAs are 100,000 fields. Everything is in one function each way, though that makes them long: a dump or restore
 * is one short run, where the functions stay unoptimised and calls cost the most (three times less so).
 */
const vmas: ListFastPath = {
  decode(reader, tag, end, list) {
    const { bytes } = reader;
    const wide: bigint[] = [0n, 0n, 0n, 0n, 0n, 0n];
    const narrow = [0, 0, 0, 0];
    for (;;) {
      let at = reader.at;
      if (bytes[at] !== tag) return;
      const stop = at + 2 + bytes[at + 1]!;
      if (bytes[at + 1]! >= 0x80 || stop > end) return;
      at += 2;
      let seen = 0;
      for (let field = 1; field <= FIELDS; field++) {
        if (at >= stop || bytes[at] !== field << 3) {
          if (field <= FD) return;
          continue;
        }
        at++;
        let low = 0;
        let high = 0;
        let shift = 0;
        let byte: number;
        do {
          byte = bytes[at++]!;
          if (shift < 28) low |= (byte & 0x7f) << shift;
          else if (shift === 28) {
            low |= byte << 28;
            high = (byte & 0x7f) >>> 4;
          } else if (shift < 64) high |= (byte & 0x7f) << (shift - 32);
          else return;
          shift += 7;
        } while (byte >= 0x80);
        if (field >= 5 && field <= 7) narrow[field - 5] = low >>> 0;
        else if (field === FDFLAGS) narrow[3] = low >>> 0;
        else if (field === FD) {
          const flip = -(low & 1);
          pair[LOW] = ((low >>> 1) | (high << 31)) ^ flip;
          pair[HIGH] = (high >>> 1) ^ flip;
          wide[4] = BigInt.asIntN(64, whole[0]!);
        } else {
          pair[LOW] = low;
          pair[HIGH] = high;
          wide[field === MADV ? 5 : field - 1] = whole[0]!;
        }
        seen = field >= MADV ? seen | (1 << field) : seen;
      }
      if (at !== stop) return;
      const vma: Vma = { start: wide[0]!, end: wide[1]!, pgoff: wide[2]!, shmid: wide[3]!, prot: narrow[0]!, flags: narrow[1]!, status: narrow[2]!, fd: wide[4]! };
      if (seen & (1 << MADV)) vma.madv = wide[5];
      if (seen & (1 << FDFLAGS)) vma.fdflags = narrow[3];
      list.push(vma);
      reader.at = stop;
    }
  },

  encode(list, tag, writer) {
    const bytes = writer.room(list.length * MAX_VMA);
    let at = 0;
    let done = 0;
    for (const vma of list as readonly Vma[]) {
      const start = at;
      at += 2;
      let usual = vma[UNKNOWN_FIELDS] === undefined && vma.lockOnFault === undefined && vma.sealed === undefined && vma.anonName === undefined;
      for (let field = 1; field <= FIELDS; field++) {
        let value: unknown;
        if (field === 1) value = vma.start;
        else if (field === 2) value = vma.end;
        else if (field === 3) value = vma.pgoff;
        else if (field === 4) value = vma.shmid;
        else if (field === 5) value = vma.prot;
        else if (field === 6) value = vma.flags;
        else if (field === 7) value = vma.status;
        else if (field === FD) value = vma.fd;
        else if (field === MADV) value = vma.madv;
        else value = vma.fdflags;

        let low: number;
        let high = 0;
        if (typeof value === 'bigint') {
          whole[0] = value;
          low = pair[LOW]!;
          high = pair[HIGH]!;
          if (field === FD) {
            // A descriptor is small; zigzag, as a sint64 is written.
            usual &&= BigInt.asIntN(64, whole[0]) === value;
            const flip = (high | 0) >> 31;
            high = (((high << 1) | (low >>> 31)) ^ flip) >>> 0;
            low = ((low << 1) ^ flip) >>> 0;
          } else usual &&= whole[0] === value && (field < 5 || field === MADV);
        } else if (typeof value === 'number') {
          low = value >>> 0;
          usual &&= low === value && ((field >= 5 && field <= 7) || field === FDFLAGS);
        } else {
          usual &&= value === undefined && field >= MADV;
          continue;
        }
        bytes[at++] = field << 3;
        while (high !== 0) {
          bytes[at++] = low | 0x80;
          low = ((low >>> 7) | (high << 25)) >>> 0;
          high >>>= 7;
        }
        while (low >= 0x80) {
          bytes[at++] = low | 0x80;
          low >>>= 7;
        }
        bytes[at++] = low;
      }
      if (!usual) {
        at = start;
        break;
      }
      bytes[start] = tag;
      bytes[start + 1] = at - start - 2;
      done++;
    }
    writer.took(at);
    return done;
  },
};

export const LIST_FAST_PATHS: Readonly<Record<string, ListFastPath | undefined>> = { vma_entry: vmas };
