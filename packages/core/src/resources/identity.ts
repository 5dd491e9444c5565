import { readNamespace, type NamespaceLink } from '@criu-ts/kernel/procfs';
import type { task_kobj_ids_entry } from '@criu-ts/images';

/** Namespaces by their link in /proc/PID/ns, with their field in the images and the number that CRIU gives to its own. */
const NAMESPACES = [
  { link: 'pid', field: 'pidNsId', id: 1 },
  { link: 'net', field: 'netNsId', id: 2 },
  { link: 'ipc', field: 'ipcNsId', id: 3 },
  { link: 'uts', field: 'utsNsId', id: 4 },
  { link: 'time', field: 'timeNsId', id: 5 },
  { link: 'mnt', field: 'mntNsId', id: 6 },
  { link: 'user', field: 'userNsId', id: 7 },
  { link: 'cgroup', field: 'cgroupNsId', id: 8 },
] as const;

export type NamespaceName = (typeof NAMESPACES)[number]['link'];

export const namespaceNames: readonly NamespaceName[] = NAMESPACES.map(({ link }) => link);

/** Numbers of memory, descriptors, fs and handlers in the images; 1 is the dumper's own. */
export const DUMPERS_OWN = 1;

/** The tree's own namespaces have the numbers behind the dumper's. */
const TREES_OWN = NAMESPACES.length;

/** Ids of the dumper itself, as the inventory has them. */
export function ownIds(): task_kobj_ids_entry {
  return idsOf(DUMPERS_OWN, new Set());
}

/**
 * Ids of a process of the tree.
 * @param shared numbers of what it may share with others  @param own kinds of which the tree has a namespace of its own
 */
export function taskIds(shared: Pick<task_kobj_ids_entry, 'vmId' | 'filesId' | 'fsId' | 'sighandId'>, own: ReadonlySet<NamespaceName>): task_kobj_ids_entry {
  return { ...idsOf(DUMPERS_OWN, own), ...shared };
}

/** The number of a namespace in the images. @param own it is the tree's own, not the dumper's */
export function namespaceId(name: NamespaceName, own: boolean): number {
  const { id } = NAMESPACES.find(({ link }) => link === name) as (typeof NAMESPACES)[number];
  return own ? id + TREES_OWN : id;
}

function idsOf(id: number, own: ReadonlySet<NamespaceName>): task_kobj_ids_entry {
  const ids: task_kobj_ids_entry = { vmId: id, filesId: id, fsId: id, sighandId: id };
  for (const { field, link } of NAMESPACES) ids[field] = namespaceId(link, own.has(link));
  return ids;
}

/** The number that the images have for the namespace of a kind in which a process is. */
export function namespaceIdIn(ids: task_kobj_ids_entry | undefined, name: NamespaceName): number | undefined {
  const { field } = NAMESPACES.find(({ link }) => link === name) as (typeof NAMESPACES)[number];
  return ids?.[field];
}

/** Inodes of the namespaces that a process is in; absent where the kernel has no such kind. @throws ProcessGone */
export function namespacesOf(task: number | 'self', names: readonly NamespaceLink[] = namespaceNames): ReadonlyMap<NamespaceLink, number> {
  return new Map(names.flatMap((name): [NamespaceLink, number][] => {
    const inode = readNamespace(task, name)?.inode;
    return inode === undefined ? [] : [[name, inode]];
  }));
}
