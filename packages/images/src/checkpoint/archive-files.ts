import type { ByteAccess } from '../access/byte-access.js';
import { bytesAccess, sliceAccess } from '../access/byte-access.js';
import { sequentialAccess } from '../access/sequential-access.js';
import { isTar, tarMembers } from '../access/tar.js';
import type { TarMember } from '../access/tar.js';
import { compressionOf } from '../access/unpack.js';
import { ImageCorrupt } from '../errors.js';
import type { ImageFiles, Limits } from './image-files.js';

/** Of compressed archives, members up to this size are kept from the one pass over them, as many as fit into the second. */
const KEEP_MEMBER = 1024 * 1024;
const KEEP_ALL = 16 * 1024 * 1024;

/** What an archive and all those within it may use together. */
interface Budget {
  /** bytes of members that are kept */
  keep: number;
  members: number;
}

/** The files and links of an archive, by path. */
interface Members {
  readonly name: string;
  readonly files: ReadonlyMap<string, ByteAccess>;
  readonly links: ReadonlyMap<string, string>;
  readonly close: () => void;
}

/**
 * The image sets in an archive: a tar, plain or packed by gzip or zstd. A set is wherever an inventory.img lies: at the
 * top, in a directory (`checkpoint/` of what podman, CRI-O and containerd's CRI export), or in a tar within the tar
 * (a blob of the OCI layout that `ctr images export` writes). @throws ImageCorrupt where it is no archive
 */
export async function openArchive(access: ByteAccess, limits: Limits): Promise<ImageFiles[]> {
  return openNested(access, limits, { keep: KEEP_ALL, members: limits.members }, 0);
}

async function openNested(access: ByteAccess, limits: Limits, budget: Budget, depth: number): Promise<ImageFiles[]> {
  const compression = await compressionOf(access);
  const plain = compression === undefined ? access : sequentialAccess(access, compression, limits.unpackedBytes);
  if (!(await isTar(plain))) throw new ImageCorrupt({ file: access.name, offset: 0, why: compression === undefined ? 'it is neither a tar nor packed by gzip or zstd' : `it is packed by ${compression}, but holds no tar` });
  const members = await readMembers(plain, limits, budget);
  const sets = setsIn(members);
  if (sets.length > 0 || depth >= limits.nesting) return sets;
  for (const [path, file] of members.files) {
    if (!path.startsWith('blobs/') && !path.endsWith('.tar') && !path.endsWith('.tar.gz') && !path.endsWith('.tar.zst')) continue;
    if ((await compressionOf(file)) === undefined && !(await isTar(file))) continue;
    sets.push(...(await openNested(file, limits, budget, depth + 1)));
  }
  return sets;
}

async function readMembers(plain: ByteAccess, limits: Limits, budget: Budget): Promise<Members> {
  const files = new Map<string, ByteAccess>();
  const links = new Map<string, string>();
  for await (const member of tarMembers(plain, limits.members)) {
    if (--budget.members < 0) throw new ImageCorrupt({ file: plain.name, why: `the archives within have more than ${limits.members} members` });
    // A path that comes again replaces the one before, as tar itself does.
    links.delete(member.path);
    if (member.kind === 'symlink') links.set(member.path, member.target);
    else if (member.kind === 'hardlink') {
      const target = files.get(member.target);
      if (target !== undefined) files.set(member.path, target);
    } else {
      const keep = plain.sequential && member.size <= KEEP_MEMBER && member.size <= budget.keep;
      files.set(member.path, await memberAccess(plain, member, keep));
      if (keep) budget.keep -= member.size;
    }
  }
  // What a compressed one holds to go on reading is needed by nobody yet, and there may be many.
  plain.close();
  return { name: plain.name, files, links, close: () => plain.close() };
}

async function memberAccess(plain: ByteAccess, member: TarMember, keep: boolean): Promise<ByteAccess> {
  const slice = sliceAccess(plain, baseName(member.path), member.offset, member.size);
  const access = keep ? bytesAccess(slice.name, await slice.read(0, member.size)) : slice;
  return { ...access, modified: member.modified };
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const directoryOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** By the path of their directories; those that are another's parent come after it. */
function setsIn(members: Members): ImageFiles[] {
  const directories = new Set([...members.files.keys()].filter((path) => baseName(path) === 'inventory.img').map(directoryOf));
  const parents = new Set([...directories].map((directory) => parentOf(members, directory)));
  const order = [...directories].sort((a, b) => Number(parents.has(a)) - Number(parents.has(b)) || (a < b ? -1 : 1));
  return order.map((directory) => new ArchiveSet(members, directory));
}

/** Where the link `parent` of a directory leads; undefined where there is none. */
function parentOf(members: Members, directory: string): string | undefined {
  const link = members.links.get(directory === '' ? 'parent' : `${directory}/parent`);
  if (link === undefined) return undefined;
  const parts = link.startsWith('/') ? [] : directory.split('/').filter(Boolean);
  for (const part of link.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

class ArchiveSet implements ImageFiles {
  readonly name: string;
  readonly identity: string;
  readonly #members: Members;
  readonly #directory: string;
  readonly #prefix: string;
  #names: readonly string[] | undefined;

  constructor(members: Members, directory: string) {
    this.#members = members;
    this.#directory = directory;
    this.#prefix = directory === '' ? '' : `${directory}/`;
    this.name = directory === '' ? members.name : `${members.name}:${directory}`;
    this.identity = `archive ${members.name} ${directory}`;
  }

  list(): readonly string[] {
    return (this.#names ??= [...this.#members.files.keys()]
      .filter((path) => directoryOf(path) === this.#directory)
      .map(baseName)
      .sort());
  }

  open(name: string): ByteAccess | undefined {
    return this.#members.files.get(this.#prefix + name);
  }

  async parent(): Promise<ImageFiles | undefined> {
    const directory = parentOf(this.#members, this.#directory);
    if (directory === undefined) return undefined;
    const parent = new ArchiveSet(this.#members, directory);
    if (parent.list().length === 0) throw new ImageCorrupt({ file: `${this.#prefix}parent`, why: `it leads to ${directory || '/'}, which is not in the archive` });
    return parent;
  }

  beside(path: string): ByteAccess | undefined {
    return this.#members.files.get(this.#top() + path);
  }

  listBeside(): readonly string[] {
    const top = this.#top();
    return [...this.#members.files.keys()]
      .filter((path) => path.startsWith(top) && !path.startsWith(this.#prefix === '' ? '\0' : this.#prefix))
      .map((path) => path.slice(top.length))
      .sort();
  }

  /** A set in a directory named "checkpoint" belongs to the container archive around it. */
  #top(): string {
    const around = directoryOf(this.#directory);
    return around === '' ? '' : `${around}/`;
  }

  close(): void {
    this.#members.close();
  }
}
