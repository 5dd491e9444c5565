import { BLOCK, checksumFits, headerNumber, headerText, paxRecords } from '../access/tar.js';
import { ImageCorrupt } from '../errors.js';

/** What a tar says of each of its members; their contents are not looked at. */
export interface TarListing {
  readonly path: string;
  readonly kind: 'file' | 'link' | 'symlink' | 'character device' | 'block device' | 'directory' | 'fifo' | 'other';
  /** bytes of the file, holes included */
  readonly size: number;
  /** octal: "0644" */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** seconds since 1970 */
  readonly mtime: number;
  /** of links: where they lead; of devices: "major:minor" */
  readonly target?: string;
}

const KINDS: Readonly<Record<string, TarListing['kind']>> = { '0': 'file', '\0': 'file', '7': 'file', S: 'file', '1': 'link', '2': 'symlink', '3': 'character device', '4': 'block device', '5': 'directory', '6': 'fifo' };

/** CRIU has tar write GNU's format, `--sparse`; POSIX's is understood as well. undefined where these bytes are no tar. */
export function listTar(bytes: Uint8Array): TarListing[] | undefined {
  const members: TarListing[] = [];
  let extended = new Map<string, string>();
  let [longName, longTarget]: (string | undefined)[] = [];
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return members;
    if (!checksumFits(header)) return undefined;
    const type = String.fromCharCode(header[156]!);
    const stored = 'xgKLS'.includes(type) ? headerNumber(header.subarray(124, 136)) : Number(extended.get('size') ?? headerNumber(header.subarray(124, 136)));
    if (stored === undefined || !Number.isSafeInteger(stored) || stored < 0) return undefined;
    let begin = at + BLOCK;
    // An old GNU sparse member has more of its map in blocks of their own, each saying whether another one follows.
    if (type === 'S') for (let more = header[482] !== 0; more && begin + BLOCK <= bytes.length; begin += BLOCK) more = bytes[begin + 504] !== 0;
    at = begin + Math.ceil(stored / BLOCK) * BLOCK;
    const contents = bytes.subarray(begin, begin + stored);
    if (type === 'x') {
      const records = recordsOf(contents);
      if (records === undefined) return undefined;
      extended = records;
    } else if (type === 'L') longName = headerText(contents);
    else if (type === 'K') longTarget = headerText(contents);
    else if (type !== 'g') {
      const member = listing(header, type, stored, extended, longName, longTarget);
      // What PAX says may be no number.
      if (![member.size, member.uid, member.gid, member.mtime].every(Number.isSafeInteger)) return undefined;
      members.push(member);
      extended = new Map();
      longName = longTarget = undefined;
    }
  }
  return members;
}

/** undefined where they are damaged: then the archive is none that can be listed. */
function recordsOf(contents: Uint8Array): Map<string, string> | undefined {
  try {
    return paxRecords(contents, (why) => new ImageCorrupt({ why }));
  } catch {
    return undefined;
  }
}

function listing(header: Uint8Array, type: string, stored: number, extended: ReadonlyMap<string, string>, longName: string | undefined, longTarget: string | undefined): TarListing {
  const field = (from: number, to: number): number => headerNumber(header.subarray(from, to)) ?? 0;
  const kind = KINDS[type] ?? 'other';
  const gnu = headerText(header.subarray(257, 265)) === 'ustar  ';
  const prefix = gnu ? '' : headerText(header.subarray(345, 500));
  const name = headerText(header.subarray(0, 100));
  const target = kind === 'link' || kind === 'symlink' ? (extended.get('linkpath') ?? longTarget ?? headerText(header.subarray(157, 257))) : kind.endsWith('device') ? `${field(329, 337)}:${field(337, 345)}` : undefined;
  return {
    path: extended.get('GNU.sparse.name') ?? extended.get('path') ?? longName ?? (prefix ? `${prefix}/${name}` : name),
    kind,
    size: kind === 'file' ? Number(extended.get('GNU.sparse.realsize') ?? (type === 'S' ? field(483, 495) : stored)) : 0,
    mode: field(100, 108).toString(8).padStart(4, '0'),
    uid: Number(extended.get('uid') ?? field(108, 116)),
    gid: Number(extended.get('gid') ?? field(116, 124)),
    mtime: Math.floor(Number(extended.get('mtime') ?? field(136, 148))),
    ...(target !== undefined && { target }),
  };
}
