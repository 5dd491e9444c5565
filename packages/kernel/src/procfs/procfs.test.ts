// The smaller files of /proc, and what reading does when the task is gone.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync, symlinkSync } from 'node:fs';
import t from 'tap';
import { AUXV } from '../abi/auxvec.js';
import { RLIM_INFINITY } from '../abi/resource.js';
import { SIGEV } from '../abi/time.js';
import {
  childrenByParent,
  decodePath,
  listChildren,
  listThreads,
  mapFileName,
  mapFilePath,
  parseAuxv,
  parseCgroups,
  parseChildren,
  parseIdMap,
  parseLimits,
  parseAutogroupNice,
  parseLoginUid,
  parseMountInfo,
  parseNamespace,
  parseSyscall,
  parseTimers,
  ProcessGone,
  ProcFormatError,
  readAuxv,
  readCgroups,
  readCmdline,
  readComm,
  readCoredumpFilter,
  readIdMap,
  readLimits,
  readLoginUid,
  readMapFileLink,
  readMaps,
  readMountInfo,
  readNamespaces,
  readOomScoreAdj,
  readPersonality,
  readProc,
  readProcLink,
  readProcText,
  readStat,
  readSyscall,
  readTimers,
  readTimerSlack,
  threadOf,
} from './index.js';

t.test('mountinfo', async (t) => {
  const plain = { shared: undefined, master: undefined, propagateFrom: undefined, unbindable: false, unknown: [] };
  const rows = [
    {
      name: 'plain',
      line: '22 27 0:21 / /proc rw,relatime - proc proc rw',
      mount: { ...plain, id: 22, parentId: 27, devMajor: 0, devMinor: 21, root: '/', mountPoint: '/proc', options: ['rw', 'relatime'], fsType: 'proc', source: 'proc', superOptions: 'rw' },
    },
    {
      name: 'all optional fields, escapes, a deleted root',
      line: '36 35 98:0 /a\\040b//deleted /mnt\\011\\012\\134x rw shared:1 master:2 propagate_from:3 unbindable novel:4 - ext4 /dev/ro\\040ot rw,errors=a\\054b',
      mount: {
        id: 36,
        parentId: 35,
        devMajor: 98,
        devMinor: 0,
        root: '/a b//deleted',
        mountPoint: '/mnt\t\n\\x',
        options: ['rw'],
        shared: 1,
        master: 2,
        propagateFrom: 3,
        unbindable: true,
        unknown: ['novel:4'],
        fsType: 'ext4',
        source: '/dev/ro ot',
        superOptions: 'rw,errors=a,b',
      },
    },
    {
      name: 'namespace file, empty source',
      line: '40 35 0:4 net:[4026531833] /run/netns/x rw - nsfs  rw',
      mount: { ...plain, id: 40, parentId: 35, devMajor: 0, devMinor: 4, root: 'net:[4026531833]', mountPoint: '/run/netns/x', options: ['rw'], fsType: 'nsfs', source: '', superOptions: 'rw' },
    },
  ];
  for (const { name, line, mount } of rows) t.same(parseMountInfo(`${line}\n`), [mount], name);
  t.equal(parseMountInfo(decodePath(Buffer.from('1 0 0:1 / /\xff rw - a b c\n', 'latin1')))[0]?.mountPoint, '/\udcff', 'bytes that are no UTF-8');
  const bad = ['22 27 0:21 / /proc rw,relatime proc proc rw', '22 27 0 / /proc rw - proc proc rw', '22 27 0:21 / /proc rw - proc', 'x 27 0:21 / /proc rw - proc proc rw', '22 27 0:1 / / rw shared:x - a b c', ''];
  for (const line of bad) t.throws(() => parseMountInfo(`${line}\n`), ProcFormatError, JSON.stringify(line));
  t.equal(readMountInfo('self').find(({ mountPoint }) => mountPoint === '/proc')?.fsType, 'proc');
});

t.test('limits', async (t) => {
  const text = readFileSync('/proc/self/limits', 'latin1');
  const limits = readLimits('self');
  t.equal(limits.length, 16);
  t.same(limits.map(({ resource }) => resource), [...Array(16).keys()], "in the kernel's order");
  const stack = text.replace(/(Max stack size +)\S+( +)\S+/, '$18388608             unlimited');
  t.same(parseLimits(stack).find(({ name }) => name === 'STACK'), { name: 'STACK', resource: 3, soft: 8388608n, hard: RLIM_INFINITY });
  t.throws(() => parseLimits(text.replace(/Max nice.*\n/, '')), /15 resources/);
  t.throws(() => parseLimits(text.replace('Max nice', 'Max mice')), /unknown resource/);
  t.throws(() => parseLimits(text.replace(/(Max cpu time +)\S+/, '$1some')), ProcFormatError);
});

t.test('cgroup', async (t) => {
  t.same(parseCgroups('9:name=systemd:/\n4:cpu,cpuacct:/a:b\r (deleted)\n0::/../x\n'), [
    { hierarchy: 9, controllers: ['name=systemd'], path: '/' },
    { hierarchy: 4, controllers: ['cpu', 'cpuacct'], path: '/a:b\r (deleted)' },
    { hierarchy: 0, controllers: [], path: '/../x' },
  ]);
  for (const line of ['0:/', 'x::/', '0::x', '']) t.throws(() => parseCgroups(`${line}\n`), ProcFormatError, JSON.stringify(line));
  t.ok(readCgroups('self').every(({ path }) => path.startsWith('/')));
});

t.test('timers', async (t) => {
  const text =
    'ID: 3\nsignal: 0/0000000000000000\nnotify: thread/pid.1\nClockID: 7\nID: 2\nsignal: 0/0000000000000000\nnotify: none/pid.29877\nClockID: -6\n' +
    'ID: 1\nsignal: 12/ffff8000deadbeef\nnotify: signal/tid.29877\nClockID: 0\n';
  t.same(parseTimers(text), [
    { id: 3, clockId: 7, signal: 0, value: 0n, notify: SIGEV.THREAD, target: 1 },
    { id: 2, clockId: -6, signal: 0, value: 0n, notify: SIGEV.NONE, target: 29877 },
    { id: 1, clockId: 0, signal: 12, value: 0xffff8000deadbeefn, notify: SIGEV.SIGNAL | SIGEV.THREAD_ID, target: 29877 },
  ]);
  t.same(parseTimers(''), []);
  for (const bad of [text.slice(0, -12), text.replace('none', 'loud'), text.replace('ID: 3\n', ''), `${text}New: 1\n`]) t.throws(() => parseTimers(bad), ProcFormatError, bad);
  t.same(readTimers('self'), [], 'Node makes none');
});

t.test('auxv', async (t) => {
  const pairs = new BigUint64Array([6n, 4096n, 33n, 0x7fff_0000_0000n, 0n, 0n, 9n, 9n]);
  t.same(parseAuxv(new Uint8Array(pairs.buffer)), [
    { type: 6, value: 4096n },
    { type: 33, value: 0x7fff_0000_0000n },
  ]);
  t.throws(() => parseAuxv(new Uint8Array(24)), ProcFormatError);
  t.equal(readAuxv('self').find(({ type }) => type === AUXV.PAGESZ)?.value, 4096n);
});

t.test('syscall', async (t) => {
  t.same(parseSyscall('running\n'), { state: 'running' });
  t.same(parseSyscall('-1 0x7ffd0 0x4000\n'), { state: 'outside', sp: 0x7ffd0n, pc: 0x4000n });
  t.same(parseSyscall('35 0x1 0x2 0x3 0x4 0x5 0xffffffffffffffff 0x7 0x8\n'), { state: 'inside', number: 35, args: [1n, 2n, 3n, 4n, 5n, 0xffffffffffffffffn], sp: 7n, pc: 8n });
  for (const bad of ['', '35', '35 0x1 0x2', 'x 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8']) t.throws(() => parseSyscall(bad), ProcFormatError, JSON.stringify(bad));
  t.match(readSyscall('self'), { state: /^(running|inside)$/ });
});

t.test('namespaces and id maps', async (t) => {
  t.same(parseNamespace('net:[4026531833]'), { kind: 'net', inode: 4026531833 });
  for (const bad of ['net:4026531833', '/net', 'net:[]']) t.throws(() => parseNamespace(bad), ProcFormatError, bad);
  t.equal(readNamespaces('self').get('net')?.kind, 'net');
  t.same(parseIdMap('         0          0 4294967295\n       7       1000       2\n'), [
    { inside: 0, outside: 0, count: 4294967295 },
    { inside: 7, outside: 1000, count: 2 },
  ]);
  t.throws(() => parseIdMap('0 0\n'), ProcFormatError);
  t.ok(readIdMap('self', 'uid_map').length > 0);
});

t.test('single values', async (t) => {
  t.equal(parseAutogroupNice('/autogroup-123 nice -5\n'), -5);
  t.equal(parseAutogroupNice('/autogroup-1 nice 0\n'), 0);
  t.equal(parseAutogroupNice(''), 0);
  t.throws(() => parseAutogroupNice('/autogroup-1'), ProcFormatError);
  t.equal(parseLoginUid('4294967295'), undefined);
  t.equal(parseLoginUid('1000'), 1000);
  t.throws(() => parseLoginUid('root'), ProcFormatError);
  t.equal(readLoginUid('self') ?? 4294967295, Number(readFileSync('/proc/self/loginuid', 'latin1')));
  t.equal(readOomScoreAdj('self'), Number(readFileSync('/proc/self/oom_score_adj', 'latin1')));
  t.equal(readPersonality('self'), Number(`0x${readFileSync('/proc/self/personality', 'latin1')}`));
  t.type(readCoredumpFilter('self'), 'number');
  t.ok(readTimerSlack('self') > 0);
  t.equal(readComm('self'), readStat('self').comm);
  t.equal(readCmdline('self')[0], process.argv0);
});

t.test('map_files', { skip: process.getuid?.() === 0 ? false : 'map_files needs CAP_CHECKPOINT_RESTORE' }, async (t) => {
  t.equal(mapFileName({ start: 0x400000, end: 0x7f0000001000 }), '400000-7f0000001000', 'not padded as maps is');
  const exe = readMaps('self').find(({ inode }) => inode !== 0n) as { start: number; end: number };
  t.equal(readMapFileLink('self', exe), process.execPath);
  t.equal(statSync(mapFilePath('self', exe)).ino, statSync(process.execPath).ino);
});

t.test('children', async (t) => {
  t.same(parseChildren('12 34 '), [12, 34]);
  t.same(parseChildren(''), []);
  t.ok(listThreads('self').includes(process.pid));
  t.ok(listChildren(process.ppid).includes(process.pid), 'we are a child of our parent');
  t.ok(childrenByParent().get(process.ppid)?.includes(process.pid));
  t.equal(readStat(threadOf(process.pid, process.pid)).pid, process.pid);
});

t.test('names that are no UTF-8', async (t) => {
  const link = Buffer.from(`${t.testdir()}/x`);
  symlinkSync(Buffer.from('/\xff', 'latin1'), link);
  // A link of our own stands in for one of /proc: the way through readlink is the same.
  t.equal(readProcLink('self', `cwd/${link.toString().slice(process.cwd().length + 1)}`), '/\udcff');
});

t.test('a task that is gone', async (t) => {
  const { pid } = spawnSync('true');
  for (const read of [() => readProc(pid, 'maps'), () => readStat(pid), () => readProcLink(pid, 'exe'), () => listThreads(pid), () => readMaps(pid)]) {
    t.throws(read, ProcessGone, String(read));
  }
  t.throws(() => readProcText(threadOf(process.pid, pid), 'stat'), ProcessGone, 'a thread');
  t.throws(() => readProcText('self', 'no-such-file'), { code: 'ENOENT' }, 'a file that the kernel lacks is no dead process');
});
