import t from 'tap';
import {
  capabilityName,
  CLONE,
  ERRNO,
  errnoName,
  kernelMajor,
  kernelMakedev,
  kernelMinor,
  major,
  makedev,
  minor,
  PAGEMAP_SCAN,
  SIG,
  signalBit,
  signalName,
  SYS,
  syscallName,
  UFFDIO,
} from './index.js';

t.test('names', async (t) => {
  const rows: [string, string, string][] = [
    ['system call', syscallName(SYS.clone3), 'clone3'],
    ['system call 0', syscallName(0), 'read'],
    ['unknown system call', syscallName(9999), 'syscall 9999'],
    ['errno', errnoName(2), 'ENOENT'],
    ['errno with aliases', errnoName(ERRNO.EAGAIN), 'EAGAIN'],
    ['ENOTSUP is EOPNOTSUPP', errnoName(ERRNO.ENOTSUP), 'EOPNOTSUPP'],
    ['restart', errnoName(516), 'ERESTART_RESTARTBLOCK'],
    ['unknown errno', errnoName(4000), 'errno 4000'],
    ['signal', signalName(SIG.KILL), 'SIGKILL'],
    ['signal with aliases', signalName(6), 'SIGABRT'],
    ['SIGIO', signalName(29), 'SIGIO'],
    ['real-time signal', signalName(34), 'SIGRT34'],
    ['no signal', signalName(65), 'signal 65'],
    ['capability', capabilityName(40), 'CAP_CHECKPOINT_RESTORE'],
    ['unknown capability', capabilityName(63), 'capability 63'],
  ];
  for (const [name, got, wanted] of rows) t.equal(got, wanted, name);
});

t.test('computed ioctl numbers', async (t) => {
  t.equal(UFFDIO.API, 0xc018aa3f);
  t.equal(PAGEMAP_SCAN, 0xc0606610);
});

t.test('flags above 32 bits are bigint', async (t) => {
  t.equal(CLONE.INTO_CGROUP, 0x2_0000_0000n);
  t.equal(signalBit(64), 1n << 63n);
});

t.test('device numbers', async (t) => {
  const rows = [
    { name: '/dev/null', major: 1, minor: 3, user: 0x103n, kernel: 0x100003 },
    { name: 'a minor above 255', major: 0, minor: 0x12345, user: 0x12300045n, kernel: 0x12345 },
    { name: 'all bits the kernel has', major: 0xfff, minor: 0xfffff, user: 0xffffffffn, kernel: 0xffffffff },
    { name: 'a major of 32 bits', major: 0x12345678, minor: 0, user: 0x1234500000067800n, kernel: undefined },
  ];
  for (const row of rows) {
    t.equal(makedev(row.major, row.minor), row.user, row.name);
    t.same([major(row.user), minor(row.user)], [row.major, row.minor], row.name);
    if (row.kernel === undefined) continue;
    t.equal(kernelMakedev(row.major, row.minor), row.kernel, row.name);
    t.same([kernelMajor(row.kernel), kernelMinor(row.kernel)], [row.major, row.minor], row.name);
  }
});
