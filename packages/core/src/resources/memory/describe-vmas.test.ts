import { O } from '@criu-ts/kernel/abi';
import { parseSmaps } from '@criu-ts/kernel/procfs';
import t from 'tap';
import type { CriuError } from '../../errors.js';
import { describeVmas } from './describe-vmas.js';
import { VMA } from './vma-status.js';

/** A mapping as smaps shows it. */
const row = (line: string, flags: string): string => `${line}\nSize: 4 kB\nVmFlags: ${flags}\n`;

function describe(...rows: string[]): { entries: ReturnType<typeof describeVmas>; problems: CriuError[]; shared: bigint[] } {
  const problems: CriuError[] = [];
  const shared: bigint[] = [];
  const entries = describeVmas(parseSmaps(Buffer.from(rows.join(''))), {
    pid: 7,
    shmemDevice: '0:1',
    files: { idOfMapped: (_pid, { start }) => start / 0x1000 },
    refuse: (problem) => problems.push(problem),
    noteSharedMemory: (shmid) => shared.push(shmid),
    sharedMemoryId: (inode, huge) => (huge === true ? inode + 1000n : inode),
    hugePageSize: () => 2 << 20,
  });
  return { entries, problems, shared };
}

const MAP = { HUGETLB: 0x4_0000, SHARED: 1, PRIVATE: 2, ANONYMOUS: 0x20, GROWSDOWN: 0x100, LOCKED: 0x2000, NORESERVE: 0x4000, DROPPABLE: 8 };

t.test('kinds of mappings, in the words of the images', (t) => {
  for (const [name, text, status, flags] of [
    ['anonymous', row('1000-2000 rw-p 00000000 00:00 0 ', 'rd wr mr mw me ac'), VMA.REGULAR | VMA.ANON_PRIVATE, MAP.PRIVATE | MAP.ANONYMOUS],
    ['heap', row('1000-2000 rw-p 00000000 00:00 0  [heap]', 'rd wr mr mw me ac'), VMA.REGULAR | VMA.ANON_PRIVATE | VMA.HEAP, MAP.PRIVATE | MAP.ANONYMOUS],
    ['stack', row('1000-2000 rw-p 00000000 00:00 0  [stack]', 'rd wr mr mw me gd ac'), VMA.REGULAR | VMA.ANON_PRIVATE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.GROWSDOWN],
    ['locked, not reserved', row('1000-2000 rw-p 00000000 00:00 0 ', 'rd wr mr mw me lo nr'), VMA.REGULAR | VMA.ANON_PRIVATE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.LOCKED | MAP.NORESERVE],
    ['droppable', row('1000-2000 rw-p 00000000 00:00 0 ', 'rd wr mr mw me dp'), VMA.REGULAR | VMA.ANON_PRIVATE, MAP.DROPPABLE | MAP.ANONYMOUS],
    ['private file', row('1000-2000 r-xp 00003000 fe:00 99  /bin/x', 'rd ex mr mw me'), VMA.REGULAR | VMA.FILE_PRIVATE, MAP.PRIVATE],
    ['shared anonymous', row('1000-2000 rw-s 00000000 00:01 55  /dev/zero (deleted)', 'rd wr sh mr mw me ms'), VMA.REGULAR | VMA.ANON_SHARED, MAP.SHARED | MAP.ANONYMOUS],
    ['System V segment, the first of all', row('1000-2000 rw-s 00000000 00:01 0  /SYSV0e2e1234 (deleted)', 'rd wr sh mr mw me ms'), VMA.REGULAR | VMA.ANON_SHARED | VMA.SYSVIPC, MAP.SHARED | MAP.ANONYMOUS],
    ['private memfd', row('1000-2000 r--p 00000000 00:01 56  /memfd:x (deleted)', 'rd mr mw me'), VMA.REGULAR | VMA.FILE_PRIVATE | VMA.MEMFD, MAP.PRIVATE],
    ['huge pages', row('200000-400000 rw-p 00000000 00:10 7  /anon_hugepage (deleted)', 'rd wr mr mw me de ht'), VMA.REGULAR | VMA.ANON_PRIVATE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.HUGETLB | (21 << 26)],
    ['shared huge pages', row('200000-400000 rw-s 00000000 00:10 7  /anon_hugepage (deleted)', 'rd wr sh mr mw me ms de ht'), VMA.REGULAR | VMA.ANON_SHARED, MAP.SHARED | MAP.ANONYMOUS | MAP.HUGETLB | (21 << 26)],
    ['private memfd of huge pages', row('200000-400000 rw-p 00000000 00:10 8  /memfd:x (deleted)', 'rd wr mr mw me de ht'), VMA.REGULAR | VMA.FILE_PRIVATE | VMA.MEMFD, MAP.PRIVATE | MAP.HUGETLB | (21 << 26)],
    ['asynchronous I/O', row('1000-2000 rw-s 00000000 00:10 3  /[aio] (deleted)', 'rd wr sh mr mw me ms de'), VMA.AIORING, MAP.SHARED],
    ['vdso', row('1000-2000 r-xp 00000000 00:00 0  [vdso]', 'rd ex mr mw me de'), VMA.REGULAR | VMA.VDSO | VMA.ANON_PRIVATE, MAP.PRIVATE | MAP.ANONYMOUS],
    ['vsyscall', row('ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]', 'ex'), VMA.VSYSCALL | VMA.ANON_PRIVATE, MAP.PRIVATE | MAP.ANONYMOUS],
  ] as const) {
    const { entries, problems } = describe(text);
    t.same(problems, [], name);
    t.equal(entries[0]?.entry.status, status, `${name}: status`);
    t.equal(entries[0]?.entry.flags, flags, `${name}: flags`);
  }
  t.end();
});

t.test('advice, offsets, shared objects and neighbours of the same file', (t) => {
  const { entries, shared } = describe(
    row('1000-2000 r--p 00000000 fe:00 99  /lib/y', 'rd mr mw me sr dd'),
    row('2000-4000 r-xp 00001000 fe:00 99  /lib/y', 'rd ex mr mw me'),
    row('5000-6000 rw-s 00002000 00:01 55  /dev/zero (deleted)', 'rd wr sh mr mw me ms'),
    row('7000-8000 rw-p 00000000 00:00 0  [anon:arena]', 'rd wr mr mw me ac lo lf'),
  );
  t.match(entries[0]?.entry, { shmid: 1n, madv: (1n << 2n) | (1n << 16n), fdflags: O.RDONLY });
  t.match(entries[1]?.entry, { shmid: 1n, pgoff: 0x1000n }, 'asked for once');
  t.match(entries[2]?.entry, { shmid: 55n, pgoff: 0x2000n });
  t.match(entries[3]?.entry, { anonName: 'arena', lockOnFault: true });
  t.same(shared, [55n]);
  t.end();
});

t.test('the two parts of vvar are one in the images', (t) => {
  const { entries } = describe(row('1000-5000 r--p 00000000 00:00 0  [vvar]', 'rd mr pf io de dd'), row('5000-7000 r--p 00000000 00:00 0  [vvar_vclock]', 'rd mr pf io de dd'));
  t.equal(entries.length, 1);
  t.match(entries[0], { start: 0x1000, end: 0x7000 });
  t.equal(entries[0]?.entry.end, 0x7000n);
  t.end();
});

t.test('what can not be kept is refused by name', (t) => {
  for (const [name, text] of [
    ['a file of a hugetlbfs', row('200000-400000 rw-s 00000000 00:10 7  /dev/hugepages/x', 'rd wr sh ht')],
    ['userfaultfd', row('1000-2000 rw-p 00000000 00:00 0 ', 'rd wr um')],
    ['a flag of a newer kernel', row('1000-2000 rw-p 00000000 00:00 0 ', 'rd wr zz')],
    ['a device', row('1000-2000 rw-p 00000000 00:00 0 ', 'rd wr io pf')],
    ['io_uring', row('1000-2000 rw-s 00000000 00:10 3  anon_inode:[kvm-vcpu:0]', 'rd wr sh')],
    ['uprobes', row('1000-2000 --xp 00000000 00:00 0  [uprobes]', 'ex')],
  ] as const) {
    const { entries, problems } = describe(text);
    t.equal(entries.length, 0, name);
    t.match(problems[0], { code: 'unsupported-vma', hint: /./, task: { pid: 7 } }, name);
  }
  t.end();
});
