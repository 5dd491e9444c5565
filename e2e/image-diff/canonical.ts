import type { DecodedImages, Plain, PlainObject } from './decode.js';

/**
 * Ids in images are numbers that whoever dumps makes up, or the kernel's: what they say is only which things are the same.
 * Here each gets a number by the order in which it first appears, in an order that does not depend on the ids:
 * processes by pid, descriptors by number. Entries of files.img and of pipes-data.img are then sorted by these numbers.
 */
export function canonical({ files, pages }: DecodedImages): DecodedImages {
  const ids = new Ids(namelessFiles(files));
  const old = new Map([...files].sort(([a], [b]) => byKind(a) - byKind(b) || (a < b ? -1 : 1)));
  const fresh = new Map<string, PlainObject[]>();
  const fdinfoNames = new Map<string, string>(); // fdinfo files go by files_id
  for (const [name, entries] of old) {
    const sorted = /^fdinfo-/.test(name) ? entries.toSorted((a, b) => Number(a['fd']) - Number(b['fd'])) : entries;
    const renamed = /^fdinfo-(\d+)/.exec(name) === null ? name : `fdinfo-${ids.of('files_struct', idOf(name))}.img`;
    fdinfoNames.set(name, renamed);
    fresh.set(renamed, sorted.map((entry) => renumber(ids, name, entry)));
  }
  for (const name of ['files.img', 'pipes-data.img', 'remap-fpath.img', 'eventpoll-tfd.img', 'reg-files.img', 'memfd.img']) {
    fresh.get(name)?.sort((a, b) => Number(a['id'] ?? a['pipeId'] ?? a['origId']) - Number(b['id'] ?? b['pipeId'] ?? b['origId']));
  }
  // Who has a file of its own for the directory of each process, and who one for all, mean the same.
  const regular = fresh.get('files.img');
  if (regular !== undefined) fresh.set('files.img', regular.filter((entry, at) => entry['id'] !== regular[at - 1]?.['id']));
  const renamedPages = new Map([...pages].map(([name, content]) => [/^pagemap-shmem/.test(name) ? `pagemap-shmem-${ids.of('shmem', idOf(name))}.img` : name, content]));
  return { files: fresh, pages: renamedPages };
}

/** Ids are named by the files that refer to them in a fixed order; what they refer to comes last. */
function byKind(name: string): number {
  const order = [/^pstree/, /^ids-/, /^fdinfo-/, /^fs-/, /^mm-/, /^core-/];
  const at = order.findIndex((kind) => kind.test(name));
  return at < 0 ? order.length : at;
}

function idOf(name: string): string {
  return /-(\d+)\.img$/.exec(name)?.[1] ?? '0';
}

/** Regular files that no descriptor has (directories, programs, mapped files), by id: what they are known by. */
function namelessFiles(files: DecodedImages['files']): Map<string, string> {
  const held = new Set([...files].flatMap(([name, entries]) => (/^fdinfo-/.test(name) ? entries.map(({ id }) => String(id)) : [])));
  const besides = (entry: PlainObject): boolean => Object.values(entry).some((about) => typeof about === 'object' && !Array.isArray(about) && about['regfId'] !== undefined);
  const entries = files.get('files.img') ?? [];
  const belonging = new Set(entries.filter(besides).flatMap((entry) => Object.values(entry).map((about) => String((about as PlainObject)['regfId']))));
  const remapped = new Set((files.get('remap-fpath.img') ?? []).map(({ origId }) => String(origId)));
  return new Map(
    entries.flatMap(({ id, reg }) => {
      const key = String(id);
      if (typeof reg !== 'object' || Array.isArray(reg) || held.has(key) || belonging.has(key) || remapped.has(key)) return [];
      return [[key, `named ${String(reg['name'])}`]];
    }),
  );
}

class Ids {
  readonly #files: ReadonlyMap<string, string>;
  readonly #spaces = new Map<string, Map<string, number>>();

  /** @param files other names of files */
  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  of(space: string, id: Plain | undefined): number {
    const known = this.#spaces.get(space) ?? new Map<string, number>();
    this.#spaces.set(space, known);
    const plain = typeof id === 'object' ? JSON.stringify(id) : String(id);
    const key = space === 'file' ? (this.#files.get(plain) ?? plain) : plain;
    const number = known.get(key) ?? known.size + 1;
    known.set(key, number);
    return number;
  }
}

/** VMA_FILE_PRIVATE, VMA_FILE_SHARED and VMA_ANON_SHARED of vma_entry.status (criu's images/vma.proto) */
const FILE_MAPPING = (1 << 6) | (1 << 7);
const ANON_SHARED = 1 << 8;

function renumber(ids: Ids, name: string, entry: PlainObject): PlainObject {
  const copy: PlainObject = { ...entry };
  const swap = (object: PlainObject, field: string, space: string): void => {
    if (object[field] !== undefined) object[field] = ids.of(space, object[field]);
  };
  if (/^(fdinfo-|eventpoll-tfd)/.test(name)) swap(copy, 'id', 'file');
  else if (/^fs-/.test(name)) {
    swap(copy, 'cwdId', 'file');
    swap(copy, 'rootId', 'file');
  } else if (/^ids-/.test(name)) for (const field of Object.keys(copy)) swap(copy, field, field === 'filesId' ? 'files_struct' : field);
  else if (/^mm-/.test(name)) {
    swap(copy, 'exeFileId', 'file');
    copy['vmas'] = (copy['vmas'] as PlainObject[]).map((vma) => renumberVma(ids, vma));
  } else if (/^pipes-data|^fifo-data/.test(name)) {
    const message = { ...(copy['message'] as PlainObject | undefined) };
    swap(message, 'pipeId', 'pipe');
    if (copy['message'] !== undefined) Object.assign(copy, { message, id: message['pipeId'] });
    else swap(copy, 'pipeId', 'pipe');
  } else if (/^remap-fpath/.test(name)) {
    swap(copy, 'origId', 'file');
    swap(copy, 'remapId', 'ghost');
  } else if (/^files/.test(name)) {
    swap(copy, 'id', 'file');
    for (const [kind, about] of Object.entries(copy)) {
      if (typeof about !== 'object' || Array.isArray(about)) continue;
      const file = { ...about };
      swap(file, 'id', 'file');
      swap(file, 'regfId', 'file');
      if (kind === 'pipe' || kind === 'fifo') swap(file, 'pipeId', 'pipe');
      if (kind === 'memfd') swap(file, 'inodeId', 'memfd');
      if (kind === 'isk' || kind === 'usk') swap(file, 'ino', 'socket');
      if (kind === 'epfd' && Array.isArray(file['tfd'])) {
        file['tfd'] = (file['tfd'] as PlainObject[])
          .map((target) => {
            const renamed = { ...target };
            swap(renamed, 'id', 'file');
            // device, inode and position of the target at the time of the dump: the kernel's, made anew
            const { dev: _dev, inode: _inode, pos: _pos, ...stays } = renamed;
            return stays;
          })
          .sort((a, b) => Number(a['tfd']) - Number(b['tfd']));
      }
      copy[kind] = file;
    }
  }
  return copy;
}

function renumberVma(ids: Ids, vma: PlainObject): PlainObject {
  const status = Number(vma['status']);
  const copy = { ...vma };
  if ((status & FILE_MAPPING) !== 0) copy['shmid'] = ids.of('file', vma['shmid']);
  else if ((status & ANON_SHARED) !== 0) copy['shmid'] = ids.of('shmem', vma['shmid']);
  return copy;
}
