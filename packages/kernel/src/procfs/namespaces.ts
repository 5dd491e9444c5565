// /proc/PID/ns links (namespaces(7)), and the id maps of user namespaces (user_namespaces(7)).
import { ProcFormatError } from './errors.js';
import { decimal, linesOf } from './lines.js';
import { isAbsent, type ProcTask, readProcLink, readProcText } from './read.js';

export const namespaceLinks = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'pid_for_children', 'time', 'time_for_children', 'user', 'uts'] as const;
export type NamespaceLink = (typeof namespaceLinks)[number];

export interface NamespaceId {
  /** "net", "pid", … */
  readonly kind: string;
  /** Inode number in nsfs: one namespace, one number. */
  readonly inode: number;
}

/** undefined: this kernel has no such namespaces, or (pid_for_children) none is set yet. @throws ProcessGone */
export function readNamespace(task: ProcTask, name: NamespaceLink): NamespaceId | undefined {
  try {
    return parseNamespace(readProcLink(task, `ns/${name}`));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Of all kinds that this kernel has. @throws ProcessGone */
export function readNamespaces(task: ProcTask): Map<NamespaceLink, NamespaceId> {
  const found = new Map<NamespaceLink, NamespaceId>();
  for (const name of namespaceLinks) {
    const id = readNamespace(task, name);
    if (id !== undefined) found.set(name, id);
  }
  return found;
}

/** "net:[4026531833]". @throws ProcFormatError */
export function parseNamespace(link: string): NamespaceId {
  const match = /^(\w+):\[(\d+)\]$/.exec(link);
  if (match === null) throw new ProcFormatError('ns', link, 'no namespace link');
  return { kind: match[1] as string, inode: decimal('ns', match[2]) };
}

/** A range of ids: `count` from `inside` on are `outside` and on. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** @throws ProcessGone, ProcFormatError */
export function readIdMap(task: ProcTask, name: 'uid_map' | 'gid_map' | 'projid_map'): IdRange[] {
  return parseIdMap(readProcText(task, name));
}

/** @throws ProcFormatError */
export function parseIdMap(text: string): IdRange[] {
  return linesOf(text).map((line) => {
    const [inside, outside, count, ...rest] = line.trim().split(/ +/);
    if (rest.length > 0) throw new ProcFormatError('uid_map', line, 'more than three numbers');
    return { inside: decimal('uid_map', inside), outside: decimal('uid_map', outside), count: decimal('uid_map', count) };
  });
}
