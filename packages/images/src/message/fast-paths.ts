import type { vma_entry } from '../gen/vma.js';
import { UNKNOWN_FIELDS } from './decode.js';
import type { WireReader } from './wire-reader.js';
import type { WireWriter } from './wire-writer.js';

/**
 * Straight-line code for a message that comes by the thousands. It covers the usual encoding only (all fields in order),
 * and leaves anything else, errors included, to the general codec: each half says whether it did the work.
 */
export interface FastPath {
  /** undefined, and the reader where it was: let the general codec look */
  decode(reader: WireReader, end: number): object | undefined;
  /** false, and nothing written: let the general codec try */
  encode(message: object, writer: WireWriter): boolean;
}

/** Tag bytes of vma_entry: field number * 8 + wire type 0. */
const START = 0x08;
const END = 0x10;
const PGOFF = 0x18;
const SHMID = 0x20;
const PROT = 0x28;
const FLAGS = 0x30;
const STATUS = 0x38;
const FD = 0x40;
const MADV = 0x48;
const FDFLAGS = 0x50;

/** 10,000 VMAs are 100,000 fields: the general codec takes three times as long. */
const vma: FastPath = {
  decode(reader, end) {
    const begin = reader.at;
    const found = decodeVma(reader);
    if (found !== undefined && reader.at === end) return found;
    reader.at = begin;
    return undefined;
  },

  encode(message, writer) {
    const v = message as vma_entry & { [UNKNOWN_FIELDS]?: Uint8Array };
    if (!isUsual(v)) return false;
    writer.tagged64(START, v.start);
    writer.tagged64(END, v.end);
    writer.tagged64(PGOFF, v.pgoff);
    writer.tagged64(SHMID, v.shmid);
    writer.tagged32(PROT, v.prot);
    writer.tagged32(FLAGS, v.flags);
    writer.tagged32(STATUS, v.status);
    writer.tagged64(FD, v.fd < 0n ? -2n * v.fd - 1n : 2n * v.fd);
    if (v.madv !== undefined) writer.tagged64(MADV, v.madv);
    if (v.fdflags !== undefined) writer.tagged32(FDFLAGS, v.fdflags);
    return true;
  },
};

function decodeVma(reader: WireReader): vma_entry | undefined {
  if (!reader.takeByte(START)) return undefined;
  const start = reader.uint64();
  if (!reader.takeByte(END)) return undefined;
  const end = reader.uint64();
  if (!reader.takeByte(PGOFF)) return undefined;
  const pgoff = reader.uint64();
  if (!reader.takeByte(SHMID)) return undefined;
  const shmid = reader.uint64();
  if (!reader.takeByte(PROT)) return undefined;
  const prot = reader.uint32();
  if (!reader.takeByte(FLAGS)) return undefined;
  const flags = reader.uint32();
  if (!reader.takeByte(STATUS)) return undefined;
  const status = reader.uint32();
  if (!reader.takeByte(FD)) return undefined;
  const fd = reader.sint64();
  const madv = reader.takeByte(MADV) ? reader.uint64() : undefined;
  const fdflags = reader.takeByte(FDFLAGS) ? reader.uint32() : undefined;
  if (madv !== undefined && fdflags !== undefined) return { start, end, pgoff, shmid, prot, flags, status, fd, madv, fdflags };
  if (madv !== undefined) return { start, end, pgoff, shmid, prot, flags, status, fd, madv };
  if (fdflags !== undefined) return { start, end, pgoff, shmid, prot, flags, status, fd, fdflags };
  return { start, end, pgoff, shmid, prot, flags, status, fd };
}

const fits64 = (value: unknown): boolean => typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
const fits32 = (value: unknown): boolean => typeof value === 'number' && value >>> 0 === value;

function isUsual(v: vma_entry & { [UNKNOWN_FIELDS]?: Uint8Array }): boolean {
  return (
    fits64(v.start) &&
    fits64(v.end) &&
    fits64(v.pgoff) &&
    fits64(v.shmid) &&
    fits32(v.prot) &&
    fits32(v.flags) &&
    fits32(v.status) &&
    typeof v.fd === 'bigint' &&
    BigInt.asIntN(63, v.fd) === v.fd &&
    (v.madv === undefined || fits64(v.madv)) &&
    (v.fdflags === undefined || fits32(v.fdflags)) &&
    v[UNKNOWN_FIELDS] === undefined
  );
}

export const FAST_PATHS: Readonly<Record<string, FastPath | undefined>> = { vma_entry: vma };
