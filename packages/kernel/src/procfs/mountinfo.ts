// /proc/PID/mountinfo (proc_pid_mountinfo(5), fs/proc_namespace.c).
import { ProcFormatError } from './errors.js';
import { decimal, linesOf } from './lines.js';
import { decodePath, unescapeOctal } from './path-text.js';
import { type ProcTask, readProc } from './read.js';

export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** The directory of the file system that is the root of this mount; "//deleted" may follow. For nsfs "net:[4026…]". */
  readonly root: string;
  /** As seen from the task's root. */
  readonly mountPoint: string;
  /** Of this mount: "rw,nosuid,relatime". */
  readonly options: readonly string[];
  /** Peer group; undefined: not shared. */
  readonly shared: number | undefined;
  /** The group it receives from. */
  readonly master: number | undefined;
  readonly propagateFrom: number | undefined;
  readonly unbindable: boolean;
  /** Optional fields that no parser here knows. */
  readonly unknown: readonly string[];
  /** "ext4", "fuse.sshfs" */
  readonly fsType: string;
  /** "none" or '' where there is none. */
  readonly source: string;
  /** Of the file system, one string as shown: values may hold commas. */
  readonly superOptions: string;
}

/** In the kernel's order: parents stand before children. @throws ProcessGone, ProcFormatError */
export function readMountInfo(task: ProcTask): MountInfo[] {
  return parseMountInfo(decodePath(readProc(task, 'mountinfo')));
}

/** `text` from decodePath. @throws ProcFormatError */
export function parseMountInfo(text: string): MountInfo[] {
  return linesOf(text).map(parseLine);
}

function parseLine(line: string): MountInfo {
  const fields = line.split(' ');
  const [id, parentId, device = '', root, mountPoint, options, ...rest] = fields;
  const dash = rest.indexOf('-');
  const [major, minor] = device.split(':');
  const [fsType, source, ...superOptions] = dash < 0 ? [] : rest.slice(dash + 1);
  if (root === undefined || mountPoint === undefined || options === undefined || fsType === undefined || source === undefined || superOptions.length !== 1) {
    throw new ProcFormatError('mountinfo', line, 'fields are missing');
  }
  const optional: { shared?: number; master?: number; propagateFrom?: number; unbindable?: boolean } = {};
  const unknown: string[] = [];
  for (const field of rest.slice(0, dash)) {
    const [tag, value] = field.split(':');
    if (tag === 'shared') optional.shared = decimal('mountinfo', value);
    else if (tag === 'master') optional.master = decimal('mountinfo', value);
    else if (tag === 'propagate_from') optional.propagateFrom = decimal('mountinfo', value);
    else if (field === 'unbindable') optional.unbindable = true;
    else unknown.push(field);
  }
  return {
    id: decimal('mountinfo', id),
    parentId: decimal('mountinfo', parentId),
    devMajor: decimal('mountinfo', major),
    devMinor: decimal('mountinfo', minor),
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    shared: optional.shared,
    master: optional.master,
    propagateFrom: optional.propagateFrom,
    unbindable: optional.unbindable ?? false,
    unknown,
    fsType: unescapeOctal(fsType),
    source: unescapeOctal(source),
    superOptions: unescapeOctal(superOptions[0] as string),
  };
}
