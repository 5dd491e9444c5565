import type { FileLock } from '@criu-ts/kernel/procfs';
import t from 'tap';
import type { InspectedFile } from './file-kind.js';
import { captureLocks, judgeLocks } from './file-locks.js';

const RDONLY = 0;
const WRONLY = 1;
const RDWR = 2;

const lock = (fields: Partial<FileLock>): FileLock => ({
  kind: 'POSIX', mode: 'ADVISORY', access: 'WRITE', pid: 7, devMajor: 8, devMinor: 1, inode: 5n, start: 0n, end: undefined, ...fields,
});
// Only what locks look at.
const file = (flags: number, ...locks: FileLock[]): InspectedFile => ({ flags, info: { locks } }) as unknown as InspectedFile;

t.test('a record lock is kept once, through a descriptor that can take it', (t) => {
  const held = lock({ start: 10n, end: 19n });
  const descriptors = [
    { fd: 3, file: file(RDONLY, held) },
    { fd: 4, file: file(RDWR, held) },
    { fd: 5, file: file(WRONLY, held) },
  ];
  t.same(captureLocks(7, descriptors), [{ flag: 1, type: 1, pid: 7, fd: 4, start: 10n, len: 10n }]);
  t.end();
});

t.test('to the end of the file is length 0; reading wants a descriptor that reads', (t) => {
  const held = lock({ access: 'READ', start: 5n });
  t.same(captureLocks(7, [{ fd: 3, file: file(WRONLY, held) }, { fd: 9, file: file(RDONLY, held) }]), [{ flag: 1, type: 0, pid: 7, fd: 9, start: 5n, len: 0n }]);
  t.end();
});

t.test('locks of an open file are kept once for each open file', (t) => {
  const shared = file(RDONLY, lock({ kind: 'FLOCK' }));
  const other = file(RDWR, lock({ kind: 'OFDLCK', access: 'READ', pid: -1, end: 0n }));
  const kept = captureLocks(7, [{ fd: 3, file: shared }, { fd: 4, file: shared }, { fd: 5, file: other }]);
  t.same(kept.map(({ flag, fd, len }) => [flag, fd, len]), [[2, 3, 0n], [4, 5, 1n]]);
  t.end();
});

t.test('what is not allowed or not known is refused', (t) => {
  t.throws(() => judgeLocks(file(RDWR, lock({})), false), { code: 'unsupported-file', hint: /--file-locks/ });
  t.throws(() => judgeLocks(file(RDWR, lock({ kind: 'LEASE', mode: 'ACTIVE' })), true), { code: 'unsupported-file' });
  t.doesNotThrow(() => judgeLocks(file(RDWR, lock({})), true));
  t.end();
});
