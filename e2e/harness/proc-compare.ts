import type { ProcSnapshot } from './proc-snapshot.js';

/** Differences that are no fault. */
export interface Allowed {
  /** Of the field's name, without `child N/`: whatever it says. */
  readonly field: RegExp;
  /** Of the whole difference: `field: before → after`. Where it is given, `field` may match nothing. */
  readonly difference?: RegExp;
  readonly because: string;
}

/** What a program changes by itself while it waits, and what watching it changes. */
export const changesByItself: readonly Allowed[] = [
  { field: /^fdinfo\/\d+\/(it_value|ticks)$/, because: 'a timerfd runs on' },
  { field: /^fdinfo\/\d+\/Sq(TotalTime|WorkTime|ThreadCpu)$/, because: 'the thread that polls an io_uring runs on' },
];

/** What can't survive: the kernel gives no way to choose it, or it names the old object. */
export const changesByRestore: readonly Allowed[] = [
  ...changesByItself,
  { field: /^stat\/starttime$/, because: 'it is another process' },
  { field: /^status\/FDSize$/, because: 'size of the kernel\'s table, which never shrinks' },
  { field: /^fdinfo\/\d+\/(eventfd-id|ino|mnt_id)$/, because: 'numbers of kernel objects made anew; the names of files are compared by fd/N' },
  { field: /^loginuid$|^sessionid$/, because: 'audit session of whoever restores' },
  {
    field: /^$/,
    difference: /^fdinfo\/\d+\/tfd \d+: events: 40000000 .* → events: 40000018 /,
    because: 'a spent one-shot target: epoll_ctl(2) adds EPOLLERR and EPOLLHUP to whatever it is given',
  },
  { field: /^$/, difference: /^fd\/\d+: (\S+) \(deleted\) → \1\S+ \(deleted\)$/, because: 'an unlinked file whose name another one has by now' },
  { field: /^$/, difference: /^fdinfo\/\d+\/flags: 020\d{6} → /, because: 'O_TMPFILE: comes back as an unlinked file' },
  { field: /^timens_offsets$/, because: 'a time namespace may make the monotonic clock go on where it stopped' },
  { field: /^ns\//, because: 'host namespaces are compared where a test is about them' },
];

/** Set by open(2) on 64 bits, not by pipe(2): says how a descriptor was made, means nothing. asm-generic/fcntl.h */
const O_LARGEFILE = 0o100000;

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
    const difference = `${bare}: ${was ?? '(absent)'} → ${is ?? '(absent)'}`;
    if (allowed.some((rule) => rule.difference?.test(difference) === true)) continue;
    differences.push(`${field.slice(0, field.length - bare.length)}${difference}`);
  }
  return differences;
}

function clean(field: string, text: string | undefined): string | undefined {
  if (text === undefined || !field.endsWith('/VmFlags')) return text;
  return text.split(' ').filter((flag) => !volatileVmFlags.has(flag)).join(' ');
}

/**
 * Replaces numbers of nameless inodes by the order of their first appearance, and joins mappings that differ in nothing:
 * the kernel keeps some neighbours apart because of their history (pages copied after a fork), which a restore forgets.
 */
function normalise(snapshot: ProcSnapshot): Map<string, string> {
  return joinNeighbours(nameIdentities(snapshot));
}

function nameIdentities(snapshot: ProcSnapshot): Map<string, string> {
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
      const vma = /^(\S+ \S+) (\S+ \d+) (.*(?:\(deleted\)|\/memfd:.*|\/dev\/zero.*|anon_inode:\[io_uring\]))$/.exec(text);
      normal.set(field, vma === null ? text : `${vma[1]} ${identify(vma[2] ?? '')} ${vma[3]}`);
    } else if (/(^|\/)fdinfo\/\d+\/flags$/.test(field)) {
      normal.set(field, `0${(Number.parseInt(text, 8) & ~O_LARGEFILE).toString(8)}`);
    } else if (/(^|\/)fdinfo\/\d+\/tfd /.test(field)) {
      normal.set(field, text.replace(/ino:\S+/, 'ino:?').replace(/sdev:\S+/, 'sdev:?'));
    } else normal.set(field, text);
  }
  return normal;
}

interface Mapping {
  readonly prefix: string;
  readonly begin: bigint;
  end: bigint;
  readonly text: string;
  /** `/VmFlags` … → text */
  readonly details: Map<string, string>;
}

function joinNeighbours(snapshot: ReadonlyMap<string, string>): Map<string, string> {
  const joined = new Map<string, string>();
  const mappings: Mapping[] = [];
  for (const [field, text] of snapshot) {
    const [, prefix = '', begin = '', end = '', detail] = /^((?:child \d+\/)?)maps\/([0-9a-f]+)-([0-9a-f]+)(\/.*)?$/.exec(field) ?? [];
    if (begin === '') joined.set(field, text);
    else if (detail === undefined) mappings.push({ prefix, begin: BigInt(`0x${begin}`), end: BigInt(`0x${end}`), text, details: new Map() });
    else mappings.at(-1)?.details.set(detail, clean(detail, text) ?? '');
  }
  let last: Mapping | undefined;
  const kept: Mapping[] = [];
  for (const mapping of mappings) {
    if (last !== undefined && continues(last, mapping)) last.end = mapping.end;
    else kept.push((last = mapping));
  }
  for (const { prefix, begin, end, text, details } of kept) {
    const field = `${prefix}maps/${begin.toString(16)}-${end.toString(16)}`;
    joined.set(field, text);
    for (const [detail, value] of details) joined.set(field + detail, value);
  }
  return joined;
}

function continues(a: Mapping, b: Mapping): boolean {
  if (a.prefix !== b.prefix || a.end !== b.begin || a.details.has('/code')) return false;
  for (const detail of ['/VmFlags', '/KernelPageSize', '/ProtectionKey']) if (a.details.get(detail) !== b.details.get(detail)) return false;
  const [perms, offset = '0', ...file] = a.text.split(' ');
  const [bPerms, bOffset = '0', ...bFile] = b.text.split(' ');
  if (perms !== bPerms || file.join(' ') !== bFile.join(' ')) return false;
  const anonymous = /^\d+:\d+ 0$/.test(file.slice(0, 2).join(' '));
  return anonymous || BigInt(`0x${offset}`) + (a.end - a.begin) === BigInt(`0x${bOffset}`);
}
