import { readNamespace } from '@criu-ts/kernel/procfs';
import type { task_kobj_ids_entry } from '@criu-ts/images';
import { Unsupported, type TaskName } from '../errors.js';

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

/** Numbers of memory, descriptors, fs and handlers in the images; 1 is the dumper's own. */
export const DUMPERS_OWN = 1;

/** Ids of the dumper itself, as the inventory has them. */
export function ownIds(): task_kobj_ids_entry {
  return idsOf(DUMPERS_OWN);
}

/** Ids of a process of the tree. @param shared numbers of what it may share with others */
export function taskIds(shared: Pick<task_kobj_ids_entry, 'vmId' | 'filesId' | 'fsId' | 'sighandId'>): task_kobj_ids_entry {
  return { ...idsOf(DUMPERS_OWN), ...shared };
}

function idsOf(id: number): task_kobj_ids_entry {
  const ids: task_kobj_ids_entry = { vmId: id, filesId: id, fsId: id, sighandId: id };
  for (const { field, id: namespace } of NAMESPACES) ids[field] = namespace;
  return ids;
}

/** The inodes of our own namespaces. */
export function ownNamespaces(): ReadonlyMap<string, number | undefined> {
  return new Map(NAMESPACES.map(({ link }) => [link, readNamespace('self', link)?.inode]));
}

/** Namespaces that only the children of a task will live in (unshare(2)); nothing stands there until a first child is born. */
const FOR_CHILDREN = ['pid', 'time'] as const;

/** Tells every namespace of a task that is not ours. */
export function foreignNamespaces(task: TaskName, own: ReadonlyMap<string, number | undefined>): Unsupported[] {
  const foreign = NAMESPACES.filter(({ link }) => readNamespace(task.pid, link)?.inode !== own.get(link)).map(
    ({ link }) =>
      new Unsupported('namespace', `it lives in another ${link} namespace, which is not supported yet`, {
        object: `${link} namespace`,
        task,
        hint: `run criu-ts in the same ${link} namespace (nsenter)`,
      }),
  );
  if (foreign.length > 0) return foreign;
  return FOR_CHILDREN.flatMap((kind) => {
    const children = readNamespace(task.pid, `${kind}_for_children`);
    if (children === undefined || children.inode === own.get(kind)) return [];
    return [new Unsupported('namespace', `its children will live in another ${kind} namespace, which is not supported yet`, { object: `${kind} namespace of its children`, task, hint: 'dump it from within that namespace, or before it unshares one' })];
  });
}
