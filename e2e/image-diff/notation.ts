import type { DecodedImages, Plain, PlainObject } from './decode.js';

/** Of vma_entry.status (criu's images/vma.proto) */
export const VMA = { FILE_PRIVATE: 1 << 6, FILE_SHARED: 1 << 7, ANON_SHARED: 1 << 8, MEMFD: 1 << 14 } as const;
const MAP_ANONYMOUS = 0x20;

/**
 * Ways to say the same become one: neighbours that could be one mapping, shared anonymous memory that is written as a
 * memfd called /dev/zero, files without a descriptor (programs, mapped files, folders) that have an entry for each
 * use instead of one for all, mapped files that have the entry of a descriptor, and what default actions say of handlers.
 */
export function plainNotation(images: DecodedImages): DecodedImages {
  return withoutIdleHandlers(joinedNeighbours(oncePerName(apartFromDescriptors(anonymousAsSuch(images)))));
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

const FILE_MAPPING = VMA.FILE_PRIVATE | VMA.FILE_SHARED;
const NOBODY = { uid: 0, euid: 0, signum: 0, pidType: 0, pid: 0 };

/**
 * CRIU gives a program, a mapped file or a folder the entry of a descriptor that leads to the same inode, if it came
 * across that before: of a program that is stopped while it is being loaded. Here they have one of their own.
 */
function apartFromDescriptors({ files, pages }: DecodedImages): DecodedImages {
  const held = descriptorsIn(files);
  const entries = [...(files.get('files.img') ?? [])];
  const byId = new Map(entries.map((entry) => [Number(entry['id']), entry]));
  let last = Math.max(0, ...byId.keys());
  const own = new Map<number, number>();
  const fresh = mapFileUses(files, (id) => {
    const file = byId.get(id);
    const reg = file?.['reg'] as PlainObject | undefined;
    if (!held.has(id) || file === undefined || reg === undefined) return id;
    const known = own.get(id) ?? ++last;
    if (!own.has(id)) entries.push({ ...file, id: known, reg: { ...reg, id: known, flags: 0, pos: '0', fown: NOBODY } });
    own.set(id, known);
    return known;
  });
  if (files.has('files.img')) fresh.set('files.img', entries);
  return { files: fresh, pages };
}

function oncePerName({ files, pages }: DecodedImages): DecodedImages {
  const held = descriptorsIn(files);
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
  const fresh = mapFileUses(files, (id) => same.get(id) ?? id);
  fresh.set('files.img', (files.get('files.img') ?? []).filter(({ id }) => !same.has(Number(id))));
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

/** Place of SIGCHLD among the actions (SIGKILL has none): its flags have a meaning without a handler, too. */
const SIGCHLD_ACTION = 15;

/** Flags, mask and restorer of SIG_DFL mean nothing, and are not looked for by ours. */
function withoutIdleHandlers({ files, pages }: DecodedImages): DecodedImages {
  const plain = (action: PlainObject, at: number): PlainObject => (action['sigaction'] === '0' && at !== SIGCHLD_ACTION ? { ...action, flags: '0', mask: '0', restorer: '0' } : action);
  const core = (entry: PlainObject): PlainObject => {
    const tc = entry['tc'] as PlainObject | undefined;
    const actions = tc?.['sigactions'] as PlainObject[] | undefined;
    return actions === undefined ? entry : { ...entry, tc: { ...tc, sigactions: actions.map(plain) } };
  };
  return { files: new Map([...files].map(([name, entries]) => [name, /^core-/.test(name) ? entries.map(core) : entries])), pages };
}

/** Numbers of files that descriptors lead to. */
function descriptorsIn(files: DecodedImages['files']): ReadonlySet<number> {
  return new Set([...files].flatMap(([name, entries]) => (/^fdinfo-/.test(name) ? entries.map(({ id }) => Number(id)) : [])));
}

/** Changes the numbers of files where they are used without a descriptor. */
function mapFileUses(files: DecodedImages['files'], change: (id: number) => number): DecodedImages['files'] {
  const fresh = mapVmas(files, (vma) => ((Number(vma['status']) & FILE_MAPPING) === 0 ? vma : { ...vma, shmid: change(Number(vma['shmid'])) }));
  for (const [name, entries] of fresh) {
    if (/^mm-/.test(name)) fresh.set(name, entries.map((entry) => ({ ...entry, exeFileId: change(Number(entry['exeFileId'])) })));
    else if (/^fs-/.test(name)) fresh.set(name, entries.map((entry) => ({ ...entry, cwdId: change(Number(entry['cwdId'])), rootId: change(Number(entry['rootId'])) })));
  }
  return fresh;
}

function mapVmas(files: DecodedImages['files'], change: (vma: PlainObject) => PlainObject): DecodedImages['files'] {
  return new Map([...files].map(([name, entries]) => [name, /^mm-/.test(name) ? entries.map((entry) => ({ ...entry, vmas: (entry['vmas'] as PlainObject[]).map(change) })) : entries]));
}
