import type { ProcSnapshot } from './proc-snapshot.js';

/** Differences that are no fault. */
export interface Allowed {
  /** Of the field's name, without `child N/`. */
  readonly field: RegExp;
  readonly because: string;
}

/** What a program changes by itself while it waits, and what watching it changes. */
export const changesByItself: readonly Allowed[] = [
  { field: /^fdinfo\/\d+\/(it_value|ticks)$/, because: 'a timerfd runs on' },
];

/** What can't survive: the kernel gives no way to choose it, or it names the old object. */
export const changesByRestore: readonly Allowed[] = [
  ...changesByItself,
  { field: /^stat\/starttime$/, because: 'it is another process' },
  { field: /^status\/FDSize$/, because: 'size of the kernel\'s table, which never shrinks' },
  { field: /^fdinfo\/\d+\/(eventfd-id|ino|mnt_id)$/, because: 'numbers of kernel objects made anew; the names of files are compared by fd/N' },
  { field: /^loginuid$|^sessionid$/, because: 'audit session of whoever restores' },
  { field: /^timens_offsets$/, because: 'a time namespace may make the monotonic clock go on where it stopped' },
  { field: /^ns\//, because: 'host namespaces are compared where a test is about them' },
];

/** VmFlags (proc_pid_smaps(5)) that restoring may change. */
const volatileVmFlags = new Set([
  'sd', // soft-dirty: written since somebody last looked
  'ac', // accounted against overcommit: depends on the history of mprotect(2), not only on the present
]);

/**
 * Differences, a line each: `field: before → after`, without what is allowed. Empty where the two are the same.
 * Inode numbers of what has no name (pipes, sockets, memfds) are compared by identity: the same number in two places
 * before must be the same number after.
 */
export function compareSnapshots(before: ProcSnapshot, after: ProcSnapshot, allowed: readonly Allowed[] = changesByItself): string[] {
  const restored = allowed !== changesByItself && allowed.some(({ field }) => field.test('stat/starttime'));
  const old = restored ? normalise(before) : before;
  const fresh = restored ? normalise(after) : after;
  const differences: string[] = [];
  for (const field of new Set([...old.keys(), ...fresh.keys()])) {
    const bare = field.replace(/^child \d+\//, '');
    const [was, is] = [clean(bare, old.get(field)), clean(bare, fresh.get(field))];
    if (was === is || allowed.some((rule) => rule.field.test(bare))) continue;
    differences.push(`${field}: ${was ?? '(absent)'} → ${is ?? '(absent)'}`);
  }
  return differences;
}

function clean(field: string, text: string | undefined): string | undefined {
  if (text === undefined || !field.endsWith('/VmFlags')) return text;
  return text.split(' ').filter((flag) => !volatileVmFlags.has(flag)).join(' ');
}

/** Replaces numbers of nameless inodes by the order of their first appearance. */
function normalise(snapshot: ProcSnapshot): Map<string, string> {
  const identity = new Map<string, number>();
  const identify = (inode: string): string => {
    const known = identity.get(inode) ?? identity.size + 1;
    identity.set(inode, known);
    return `#${known}`;
  };
  const normal = new Map<string, string>();
  for (const [field, text] of snapshot) {
    if (/(^|\/)fd\/\d+$/.test(field)) {
      normal.set(field, text.replace(/^(pipe|socket):\[(\d+)\]$/, (_all, kind: string, inode: string) => `${kind}:[${identify(inode)}]`));
    } else if (/(^|\/)maps\/[^/]+$/.test(field)) {
      // perms offset dev inode name: of a nameless file, device and inode are the kernel's choice
      const vma = /^(\S+ \S+) (\S+ \d+) (.*(?:\(deleted\)|\/memfd:.*|\/dev\/zero.*))$/.exec(text);
      normal.set(field, vma === null ? text : `${vma[1]} ${identify(vma[2] ?? '')} ${vma[3]}`);
    } else if (/(^|\/)fdinfo\/\d+\/tfd(#\d+)?$/.test(field)) {
      normal.set(field, text.replace(/ino:\S+/, 'ino:?').replace(/sdev:\S+/, 'sdev:?'));
    } else normal.set(field, text);
  }
  return normal;
}
