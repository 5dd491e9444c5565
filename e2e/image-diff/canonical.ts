import type { DecodedImages, Plain, PlainObject } from './decode.js';
import { plainNotation, VMA } from './notation.js';

/**
 * Ids in images are numbers that whoever dumps makes up, or the kernel's: what they say is only which things are the same.
 * Here each gets a number by the order in which it first appears, in an order that does not depend on the ids:
 * processes by pid, descriptors by number. Entries of files.img and of pipes-data.img are then sorted by these numbers.
 */
export function canonical(images: DecodedImages): DecodedImages {
  const { files, pages } = plainNotation(images);
  const ids = new Ids();
  const old = new Map([...files].sort(([a], [b]) => byKind(a) - byKind(b) || (a < b ? -1 : 1)));
  const fresh = new Map<string, PlainObject[]>();
  for (const [name, entries] of old) {
    const sorted = inOrder(ids, name, entries);
    const renamed = nameOf(ids, name);
    fresh.set(renamed, sorted.map((entry) => renumber(ids, name, entry)));
  }
  for (const name of ['files.img', 'pipes-data.img', 'remap-fpath.img', 'eventpoll-tfd.img', 'reg-files.img', 'memfd.img']) {
    fresh.get(name)?.sort((a, b) => Number(a['id'] ?? a['pipeId'] ?? a['origId']) - Number(b['id'] ?? b['pipeId'] ?? b['origId']));
  }
  const renamedPages = new Map([...pages].map(([name, content]) => [/^pagemap-shmem/.test(name) ? `pagemap-shmem-${ids.of('shmem', idOf(name))}.img` : name, content]));
  return { files: fresh, pages: renamedPages };
}

/** Images of namespaces, by what stands before their number; the field of ids-PID.img that has it. */
const NAMESPACE_IMAGES: readonly (readonly [RegExp, string])[] = [
  [/^ipcns-(var|shm|sem|msg)(?=-[1-9])/, 'ipcNsId'],
  [/^utsns(?=-[1-9])/, 'utsNsId'],
  [/^timens(?=-[1-9])/, 'timeNsId'],
];

/** Some files go by ids, too. */
function nameOf(ids: Ids, name: string): string {
  if (/^fdinfo-\d/.test(name)) return `fdinfo-${ids.of('files_struct', idOf(name))}.img`;
  const [pattern, field] = NAMESPACE_IMAGES.find(([wanted]) => wanted.test(name)) ?? [];
  return pattern === undefined || field === undefined ? name : `${pattern.exec(name)?.[0]}-${ids.of(field, idOf(name))}.img`;
}

/** The order in which ids of entries are to appear: that of other ids, which are known by now. */
function inOrder(ids: Ids, name: string, entries: readonly PlainObject[]): readonly PlainObject[] {
  const by = /^fdinfo-/.test(name) ? (entry: PlainObject) => Number(entry['fd']) : name === 'files.img' ? (entry: PlainObject) => ids.of('file', entry['id']) : undefined;
  if (by === undefined) return entries;
  const keyed = entries.map((entry) => ({ entry, key: by(entry) }));
  return keyed.sort((a, b) => a.key - b.key).map(({ entry }) => entry);
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

class Ids {
  readonly #spaces = new Map<string, Map<string, number>>();

  of(space: string, id: Plain | undefined): number {
    const known = this.#spaces.get(space) ?? new Map<string, number>();
    this.#spaces.set(space, known);
    const key = typeof id === 'object' ? JSON.stringify(id) : String(id);
    const number = known.get(key) ?? known.size + 1;
    known.set(key, number);
    return number;
  }
}

const FILE_MAPPING = VMA.FILE_PRIVATE | VMA.FILE_SHARED;

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
  } else if (/^memfd/.test(name)) {
    swap(copy, 'inodeId', 'memfd');
    swap(copy, 'shmid', 'shmem');
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
      // 0: it has none
      if (kind === 'usk' && Number(file['peer'] ?? 0) !== 0) swap(file, 'peer', 'socket');
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
  else if ((status & VMA.ANON_SHARED) !== 0) copy['shmid'] = ids.of('shmem', vma['shmid']);
  return copy;
}
