import type { Images } from '../checkpoint/image-cache.js';
import type { mnt_entry } from '../gen/mnt.js';
import { fstype } from '../gen/mnt.js';
import { IMAGE_TYPES } from '../image-types.js';
import type { ProcessView } from './process.js';

/** What lies around the processes: namespaces, mounts, cgroups. */

export interface MountView {
  readonly id: number;
  readonly parent: number;
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /** the directory of the file system that is mounted */
  readonly root: string;
  readonly options: string;
  readonly external: boolean;
  readonly entry: mnt_entry;
}

export interface NamespacesView {
  /** "pid", "net", "ipc", "uts", "mnt", "user", "cgroup", "time" */
  readonly kind: string;
  /** the ids that processes have of this kind, the root's first */
  readonly ids: readonly number[];
  /** The images hold the namespace itself; otherwise it is the host's. */
  readonly dumped: boolean;
}

export interface CgroupView {
  /** which of the sets that processes belong to */
  readonly set: number;
  readonly controller: string;
  readonly path: string;
}

const fsName = (entry: mnt_entry): string => entry.fsname ?? Object.keys(fstype).find((name) => fstype[name as keyof typeof fstype] === entry.fstype)?.toLowerCase() ?? String(entry.fstype);

/** The mounts of every mount namespace of the images, by the namespace's id. @throws ImageCorrupt */
export async function readMounts(images: Images): Promise<ReadonlyMap<number, readonly MountView[]>> {
  const byNamespace = new Map<number, MountView[]>();
  for (const id of images.ids(IMAGE_TYPES.mnts)) {
    const mounts = await images.read(IMAGE_TYPES.mnts, id);
    byNamespace.set(
      Number(id),
      mounts.map((entry) => ({ id: entry.mntId, parent: entry.parentMntId, mountpoint: entry.mountpoint, type: fsName(entry), source: entry.source, root: entry.root, options: entry.options, external: entry.extMount === true || entry.extKey !== undefined, entry })),
    );
  }
  return byNamespace;
}

const KINDS = [
  ['pid', 'pidNsId', IMAGE_TYPES.pidns],
  ['net', 'netNsId', IMAGE_TYPES.netns],
  ['ipc', 'ipcNsId', IMAGE_TYPES.ipcVar],
  ['uts', 'utsNsId', IMAGE_TYPES.utsns],
  ['mnt', 'mntNsId', IMAGE_TYPES.mnts],
  ['user', 'userNsId', IMAGE_TYPES.userns],
  ['time', 'timeNsId', IMAGE_TYPES.timens],
] as const;

export async function readNamespaces(images: Images, processes: readonly ProcessView[]): Promise<NamespacesView[]> {
  const views: NamespacesView[] = [];
  const all = [];
  for (const process of processes) all.push(await process.ids());
  for (const [kind, key, type] of KINDS) {
    const ids = [...new Set(all.map((ids) => ids?.[key]).filter((id) => id !== undefined))];
    if (ids.length > 0) views.push({ kind, ids, dumped: ids.some((id) => images.has(type, id)) });
  }
  const cgroups = [...new Set(all.map((ids) => ids?.cgroupNsId).filter((id) => id !== undefined))];
  if (cgroups.length > 0) views.push({ kind: 'cgroup', ids: cgroups, dumped: false });
  return views;
}

export async function readCgroups(images: Images): Promise<CgroupView[]> {
  const entry = await images.one(IMAGE_TYPES.cgroup);
  return (entry?.sets ?? []).flatMap((set) => set.ctls.map(({ name, path }) => ({ set: set.id, controller: name === '' ? 'unified' : name, path })));
}
