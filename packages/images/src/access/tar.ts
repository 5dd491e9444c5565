import { ImageCorrupt } from '../errors.js';
import type { ByteAccess } from './byte-access.js';
import { readExactly } from './byte-access.js';

/** A member of a tar: a file whose bytes lie at `offset`, or a link. Directories and devices are passed over. */
export interface TarMember {
  /** as in the archive, without "./" before and without "//" */
  readonly path: string;
  readonly kind: 'file' | 'symlink' | 'hardlink';
  /** bytes from the archive's beginning; of a file */
  readonly offset: number;
  readonly size: number;
  /** ms since 1970 */
  readonly modified: number;
  /** of a link: where it leads */
  readonly target: string;
}

export const BLOCK = 512;
/** Names and extended headers are read whole; no path of Linux is longer than 4 KiB. */
const MAX_HEADER = 1024 * 1024;

/** ustar's magic word, POSIX's or GNU's. */
export async function isTar(access: ByteAccess): Promise<boolean> {
  const header = await access.read(0, BLOCK);
  return header.length === BLOCK && headerText(header.subarray(257, 262)) === 'ustar' && checksumFits(header);
}

/**
 * The members of a tar, as they lie there: ustar, PAX (path, linkpath, size) and GNU long names; sparse members are not
 * understood, and refused. Contents are passed over. @throws ImageCorrupt, also where there are more than `maxMembers`
 */
export async function* tarMembers(access: ByteAccess, maxMembers: number): AsyncGenerator<TarMember, void, undefined> {
  let at = 0;
  let extended: ReadonlyMap<string, string> = new Map();
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (let count = 0; ; count++) {
    const header = await access.read(at, BLOCK);
    // Two blocks of zeros end a tar; some writers leave them out.
    if (header.length === 0 || header.every((byte) => byte === 0)) return;
    const corrupt = (why: string): ImageCorrupt => new ImageCorrupt({ file: access.name, offset: at, why });
    if (header.length < BLOCK) throw corrupt('the tar is cut short');
    if (!checksumFits(header)) throw corrupt('the checksum of a tar header is wrong');
    if (count >= maxMembers) throw corrupt(`the tar has more than ${maxMembers} members`);
    const type = String.fromCharCode(header[156]!);
    let size = headerNumber(header.subarray(124, 136));
    const paxSize = extended.get('size');
    if (paxSize !== undefined && !'xgKL'.includes(type)) size = Number(paxSize);
    if (size === undefined || !Number.isSafeInteger(size) || size < 0) throw corrupt('the size of a tar member is no number');
    const offset = at + BLOCK;
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    if ('xgKL'.includes(type)) {
      if (size > MAX_HEADER) throw corrupt(`a tar header of ${size} bytes`);
      const bytes = await readExactly(access, offset, size);
      if (type === 'x') extended = paxRecords(bytes, corrupt);
      else if (type === 'K') longTarget = headerText(bytes);
      else if (type === 'L') longName = headerText(bytes);
      continue;
    }
    if (type === 'S' || [...extended.keys()].some((key) => key.startsWith('GNU.sparse'))) throw corrupt('a sparse tar member, which is not understood; tar without --sparse');
    const modified = Math.floor(Number(extended.get('mtime') ?? headerNumber(header.subarray(136, 148)) ?? 0) * 1000) || 0;
    const prefix = headerText(header.subarray(257, 263)) === 'ustar' ? headerText(header.subarray(345, 500)) : '';
    const short = headerText(header.subarray(0, 100));
    const path = normalized(extended.get('path') ?? longName ?? (prefix ? `${prefix}/${short}` : short));
    const target = extended.get('linkpath') ?? longTarget ?? headerText(header.subarray(157, 257));
    extended = new Map();
    longName = longTarget = undefined;
    if (offset + size > access.size) throw corrupt(`${path}: ${size} bytes are announced, ${Math.max(0, access.size - offset)} are there`);
    if (type === '0' || type === '\0' || type === '7') yield { path, kind: 'file', offset, size, modified, target: '' };
    else if (type === '2') yield { path, kind: 'symlink', offset, size: 0, modified, target };
    else if (type === '1') yield { path, kind: 'hardlink', offset, size: 0, modified, target: normalized(target) };
  }
}

/** Up to the first NUL. A name that is not UTF-8 is no image's. */
export function headerText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Members are told apart by their names only; nothing is ever written under them, so that ".." leads nowhere. */
const normalized = (path: string): string => path.split('/').filter((part) => part !== '' && part !== '.').join('/');

/** Octal, or GNU's base-256 for what is larger. */
export function headerNumber(field: Uint8Array): number | undefined {
  if ((field[0]! & 0x80) !== 0) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, field[0]! & 0x7f);
  const digits = headerText(field).trim();
  if (!/^[0-7]*$/.test(digits)) return undefined;
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

export function checksumFits(header: Uint8Array): boolean {
  const sum = header.reduce((all, byte, i) => all + (i >= 148 && i < 156 ? 32 : byte), 0);
  return headerNumber(header.subarray(148, 156)) === sum;
}

/** PAX: "LENGTH KEY=VALUE\n"…, LENGTH counting all of it. */
export function paxRecords(bytes: Uint8Array, corrupt: (why: string) => Error): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(new TextDecoder().decode(bytes.subarray(at, space)));
    if (!Number.isInteger(length) || length <= space - at + 1 || at + length > bytes.length) throw corrupt('a PAX header is damaged');
    const [key = '', ...value] = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1)).split('=');
    records.set(key, value.join('='));
    at += length;
  }
  return records;
}
