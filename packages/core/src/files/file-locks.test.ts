import type { FileLock } from '@criu-ts/kernel/procfs';
import t from 'tap';
import type { InspectedFile } from '../resources/file-kind.js';
import { type DescriptorsOf, lockEntries } from './file-locks.js';

const RDONLY = 0;
const WRONLY = 1;
const RDWR = 2;

const lock = (fields: Partial<FileLock>): FileLock => ({
  kind: 'POSIX', mode: 'ADVISORY', access: 'WRITE', pid: 7, devMajor: 8, devMinor: 1, inode: 5n, start: 0n, end: undefined, ...fields,
});
// Only what locks look at.
const file = (flags: number, ...locks: FileLock[]): InspectedFile => ({ flags, stat: { dev: 1n, ino: 5n }, info: { locks } }) as unknown as InspectedFile;

/** Locks of a file that process 7 has as fd 3, when it has these descriptors too. */
function locksOf(target: InspectedFile, more: Record<number, InspectedFile> = {}): unknown[] {
  const descriptors = new Map(Object.entries({ 3: target, ...more }).map(([fd, other]) => [Number(fd), other]));
  const descriptorsOf: DescriptorsOf = (pid) => (pid === 7 ? descriptors : undefined);
  return lockEntries({ file: target, holders: [{ pid: 7, fd: 3 }, { pid: 8, fd: 4 }] }, descriptorsOf);
}

t.test('a record lock is taken through a descriptor that can take it', async (t) => {
  const held = lock({ start: 10n, end: 19n });
  t.same(locksOf(file(RDONLY, held), { 4: file(RDWR, held), 5: file(WRONLY, held) }), [{ flag: 1, type: 1, pid: 7, fd: 4, start: 10n, len: 10n }]);
  t.same(locksOf(file(WRONLY, lock({ access: 'READ', start: 5n })), { 9: file(RDONLY) }), [{ flag: 1, type: 0, pid: 7, fd: 9, start: 5n, len: 0n }], 'reading wants one that reads');
  t.throws(() => locksOf(file(RDONLY, held)), { code: 'unsupported-file' }, 'or none');
});

t.test('locks of open files belong to whoever of the tree has the file', async (t) => {
  const rows: [name: string, held: FileLock, expected: unknown[]][] = [
    ['flock', lock({ kind: 'FLOCK', pid: 8 }), [{ flag: 2, type: 1, pid: 8, fd: 4, start: 0n, len: 0n }]],
    ['its taker is gone', lock({ kind: 'FLOCK', pid: 99 }), [{ flag: 2, type: 1, pid: 7, fd: 3, start: 0n, len: 0n }]],
    ['OFD', lock({ kind: 'OFDLCK', access: 'READ', pid: -1, end: 0n }), [{ flag: 4, type: 0, pid: 7, fd: 3, start: 0n, len: 1n }]],
    ['lease', lock({ kind: 'LEASE', mode: 'ACTIVE', access: 'READ' }), [{ flag: 8, type: 0, pid: 7, fd: 3, start: 0n, len: 0n }]],
    ['a lease that is being broken: what it is to become', lock({ kind: 'LEASE', mode: 'BREAKING', access: 'UNLCK' }), [{ flag: 8, type: 6, pid: 7, fd: 3, start: 0n, len: 0n }]],
    ["a stranger's record lock", lock({ pid: 99 }), []],
  ];
  for (const [name, held, expected] of rows) t.same(locksOf(file(RDWR, held)), expected, name);
});

t.test('what is not known is refused', async (t) => {
  const rows = [lock({ kind: 'LEASE', mode: 'BREAKER' }), lock({ kind: 'DELEG' }), lock({ access: 'NONE' })];
  for (const held of rows) t.throws(() => locksOf(file(RDWR, held)), { code: 'unsupported-file' }, `${held.kind} ${held.mode} ${held.access}`);
});
