import type { DecodedImages, Plain, PlainObject } from './decode.js';

/** Of vma_entry.status (criu's images/vma.proto) */
export const VMA = { FILE_PRIVATE: 1 << 6, FILE_SHARED: 1 << 7, ANON_SHARED: 1 << 8, MEMFD: 1 << 14 } as const;
const MAP_ANONYMOUS = 0x20;

/**
 * Ways to say the same become one: neighbours that could be one mapping, shared anonymous memory that is written as a
 * memfd called /dev/zero, and files without a descriptor (programs, mapped files, folders) that have an entry for each
 * use instead of one for all.
 */
export function plainNotation(images: DecodedImages): DecodedImages {
  return joinedNeighbours(oncePerName(anonymousAsSuch(images)));
}

function anonymousAsSuch({ files, pages }: DecodedImages): DecodedImages {
  const inodes = new Map((files.get('memfd.img') ?? []).filter(({ name }) => name === '/dev/zero').map(({ inodeId, shmid }) => [Number(inodeId), shmid]));
  if (inodes.size === 0) return { files, pages };
  const memory = new Map<number, Plain>();
  for (const { id, memfd } of files.get('files.img') ?? []) {
    const shmid = inodes.get(Number((memfd as PlainObject | undefined)?.['inodeId']));
    if (shmid !== undefined) memory.set(Number(id), shmid);
  }
  const plain = (vma: PlainObject): PlainObject => {
    const shmid = (Number(vma['status']) & VMA.MEMFD) === 0 ? undefined : memory.get(Number(vma['shmid']));
    if (shmid === undefined) return vma;
    const { fdflags: _fdflags, ...rest } = vma;
    return { ...rest, shmid, flags: Number(vma['flags']) | MAP_ANONYMOUS, status: (Number(vma['status']) & ~(VMA.MEMFD | VMA.FILE_SHARED)) | VMA.ANON_SHARED };
  };
  const fresh = mapVmas(files, plain);
  const rest = { 'files.img': ({ id }: PlainObject) => !memory.has(Number(id)), 'memfd.img': ({ inodeId }: PlainObject) => !inodes.has(Number(inodeId)) };
  for (const [name, stays] of Object.entries(rest)) {
    const left = (files.get(name) ?? []).filter(stays);
    if (left.length > 0) fresh.set(name, left);
    else fresh.delete(name);
  }
  return { files: fresh, pages };
}

function oncePerName({ files, pages }: DecodedImages): DecodedImages {
  const held = new Set([...files].flatMap(([name, entries]) => (/^fdinfo-/.test(name) ? entries.map(({ id }) => Number(id)) : [])));
  const first = new Map<string, number>();
  /** id → id of the entry that says the same */
  const same = new Map<number, number>();
  for (const { id, reg } of files.get('files.img') ?? []) {
    if (reg === undefined || id === undefined || held.has(Number(id))) continue;
    const { id: _id, ...says } = reg as PlainObject;
    const key = JSON.stringify(Object.entries(says).sort());
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, Number(id));
    else same.set(Number(id), earlier);
  }
  const toFirst = (id: Plain | undefined): number => same.get(Number(id)) ?? Number(id);
  const fresh = mapVmas(files, (vma) => ((Number(vma['status']) & (VMA.FILE_PRIVATE | VMA.FILE_SHARED)) === 0 ? vma : { ...vma, shmid: toFirst(vma['shmid']) }));
  for (const [name, entries] of fresh) {
    if (/^mm-/.test(name)) fresh.set(name, entries.map((entry) => ({ ...entry, exeFileId: toFirst(entry['exeFileId']) })));
    else if (/^fs-/.test(name)) fresh.set(name, entries.map((entry) => ({ ...entry, cwdId: toFirst(entry['cwdId']), rootId: toFirst(entry['rootId']) })));
    else if (name === 'files.img') fresh.set(name, entries.filter(({ id }) => !same.has(Number(id))));
  }
  return { files: fresh, pages };
}

/** Private anonymous neighbours that differ in nothing: the kernel keeps them apart after a fork, and joins what is made anew. */
function joinedNeighbours({ files, pages }: DecodedImages): DecodedImages {
  const join = (vmas: readonly PlainObject[]): PlainObject[] => {
    const joined: PlainObject[] = [];
    for (const vma of vmas) {
      const last = joined.at(-1);
      const { start, end, ...about } = vma;
      const { start: from, end: to, ...before } = last ?? {};
      const anonymous = (Number(vma['flags']) & MAP_ANONYMOUS) !== 0 && (Number(vma['status']) & VMA.ANON_SHARED) === 0;
      if (anonymous && from !== undefined && to === start && JSON.stringify(about) === JSON.stringify(before)) joined[joined.length - 1] = { ...vma, start: from };
      else joined.push(vma);
    }
    return joined;
  };
  return { files: new Map([...files].map(([name, entries]) => [name, /^mm-/.test(name) ? entries.map((entry) => ({ ...entry, vmas: join(entry['vmas'] as PlainObject[]) })) : entries])), pages };
}

function mapVmas(files: DecodedImages['files'], change: (vma: PlainObject) => PlainObject): DecodedImages['files'] {
  return new Map([...files].map(([name, entries]) => [name, /^mm-/.test(name) ? entries.map((entry) => ({ ...entry, vmas: (entry['vmas'] as PlainObject[]).map(change) })) : entries]));
}
