import { readdirSync } from 'node:fs';
import t from 'tap';
import { EPOLL } from '../abi/epoll.js';
import { O } from '../abi/fcntl.js';
import { ProcFormatError } from './errors.js';
import { type FdInfo, listFds, parseFdInfo, readFdInfo } from './fdinfo.js';
import { readProcLink } from './read.js';

// Taken from Linux 6.18 with one small program that opens a file of each kind.
const head = 'pos:\t0\nflags:\t02000002\nmnt_id:\t17\nino:\t17\n';
const lock = { devMajor: 0xfe, devMinor: 0, inode: 2206010n };

const rows: { name: string; text: string; has: Partial<FdInfo> }[] = [
  { name: 'plain file', text: 'pos:\t9223372036854775807\nflags:\t0102001\nmnt_id:\t27\nino:\t5\n', has: { pos: 2n ** 63n - 1n, flags: O.WRONLY | O.APPEND | O.LARGEFILE, mountId: 27, inode: 5n } },
  { name: 'before 5.14', text: 'pos:\t1\nflags:\t02\nmnt_id:\t9\n', has: { pos: 1n, flags: O.RDWR, inode: undefined } },
  { name: 'eventfd', text: `${head}eventfd-count:                5\neventfd-id: 1\neventfd-semaphore: 1\n`, has: { eventfd: { count: 5n, semaphore: true } } },
  { name: 'eventfd count is hexadecimal', text: `${head}eventfd-count: fffffffffffffffe\neventfd-id: 1\neventfd-semaphore: 0\n`, has: { eventfd: { count: 0xfffffffffffffffen, semaphore: false } } },
  { name: 'eventfd before 6.5', text: `${head}eventfd-count:                a\n`, has: { eventfd: { count: 10n, semaphore: undefined } } },
  {
    name: 'epoll',
    text: `${head}tfd:        3 events: 80000019 data:                3  pos:0 ino:11 sdev:10\ntfd:        4 events:       19 data: ffffffffffffffff  pos:-1 ino:11 sdev:10\n`,
    has: {
      epoll: [
        { fd: 3, events: (EPOLL.ET | EPOLL.IN | EPOLL.ERR | EPOLL.HUP) >>> 0, data: 3n, file: { pos: 0n, inode: 0x11n, dev: 0x10 } },
        { fd: 4, events: 0x19, data: 0xffffffffffffffffn, file: { pos: -1n, inode: 0x11n, dev: 0x10 } },
      ],
    },
  },
  { name: 'epoll before 4.13', text: `${head}tfd:        5 events:       1d data:                5\n`, has: { epoll: [{ fd: 5, events: 0x1d, data: 5n, file: undefined }] } },
  {
    name: 'timerfd',
    text: `${head}clockid: 1\nticks: 7\nsettime flags: 03\nit_value: (69, 999965504)\nit_interval: (5, 6)\n`,
    has: { timerfd: { clockId: 1, ticks: 7n, settimeFlags: 3, value: [69n, 999965504n], interval: [5n, 6n] } },
  },
  { name: 'signalfd', text: `${head}sigmask:\t0000000000004002\n`, has: { sigmask: 0x4002n } },
  {
    name: 'inotify',
    text: `${head}inotify wd:1 ino:3f7e8 sdev:fe00000 mask:3c0 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:e8f7030000000000\ninotify wd:a ino:2 sdev:1 mask:1 ignored_mask:0 \n`,
    has: {
      inotify: [
        { wd: 1, inode: 0x3f7e8n, dev: 0xfe00000, mask: 0x3c0, ignoredMask: 0, handle: { type: 1, bytes: Uint8Array.of(0xe8, 0xf7, 3, 0, 0, 0, 0, 0) } },
        { wd: 10, inode: 2n, dev: 1, mask: 1, ignoredMask: 0, handle: undefined },
      ],
    },
  },
  {
    name: 'fanotify',
    text: `${head}fanotify flags:0 event-flags:8000\nfanotify ino:3f7e8 sdev:fe00000 mflags:0 mask:2 ignored_mask:0 fhandle-bytes:2 fhandle-type:1 f_handle:e8f7\nfanotify mnt_id:1b mflags:40 mask:1 ignored_mask:0\nfanotify sdev:fe00000 mflags:0 mask:20 ignored_mask:0\n`,
    has: {
      fanotify: {
        flags: 0,
        eventFlags: 0x8000,
        marks: [
          { on: 'inode', inode: 0x3f7e8n, dev: 0xfe00000, markFlags: 0, mask: 2, ignoredMask: 0, handle: { type: 1, bytes: Uint8Array.of(0xe8, 0xf7) } },
          { on: 'mount', mountId: 0x1b, markFlags: 0x40, mask: 1, ignoredMask: 0 },
          { on: 'filesystem', dev: 0xfe00000, markFlags: 0, mask: 0x20, ignoredMask: 0 },
        ],
      },
    },
  },
  { name: 'pidfd', text: `${head}Pid:\t29877\nNSpid:\t29877\t5\n`, has: { pidfd: { pid: 29877, nsPid: [29877, 5] } } },
  { name: 'pidfd of a reaped process', text: `${head}Pid:\t-1\n`, has: { pidfd: { pid: -1, nsPid: [] } } },
  { name: 'pty master', text: `${head}tty-index:\t0\n`, has: { ttyIndex: 0 } },
  { name: 'tun', text: `${head}iff:\ttun0\n`, has: { tunInterface: 'tun0' } },
  { name: 'tun without an interface', text: `${head}iff:\t\n`, has: { tunInterface: '' } },
  { name: 'unix socket', text: `${head}scm_fds: 2\n`, has: { scmFds: 2 } },
  {
    name: 'locks',
    text: `${head}lock:\t1: FLOCK  ADVISORY  WRITE 29877 fe:00:2206010 0 EOF\nlock:\t2: POSIX  ADVISORY  READ  29877 fe:00:2206010 5 14\nlock:\t3: OFDLCK ADVISORY  WRITE -1 fe:00:2206010 0 EOF\nlock:\t4: LEASE  ACTIVE    READ 29877 fe:00:2206010 0 EOF\n`,
    has: {
      locks: [
        { kind: 'FLOCK', mode: 'ADVISORY', access: 'WRITE', pid: 29877, ...lock, start: 0n, end: undefined },
        { kind: 'POSIX', mode: 'ADVISORY', access: 'READ', pid: 29877, ...lock, start: 5n, end: 14n },
        { kind: 'OFDLCK', mode: 'ADVISORY', access: 'WRITE', pid: -1, ...lock, start: 0n, end: undefined },
        { kind: 'LEASE', mode: 'ACTIVE', access: 'READ', pid: 29877, ...lock, start: 0n, end: undefined },
      ],
    },
  },
];

t.test('each kind', async (t) => {
  const empty = parseFdInfo(head);
  for (const { name, text, has } of rows) t.same(parseFdInfo(text), { ...empty, ...pick(text), ...has }, name);
});

/** What the common lines of a row say, if they are `head`. */
function pick(text: string): Partial<FdInfo> {
  if (text.startsWith(head)) return {};
  const { pos, flags, mountId, inode } = parseFdInfo(text);
  return { pos, flags, mountId, inode };
}

t.test('io_uring', async (t) => {
  const ring = (lines = 'PollList:\nCqOverflowList:\n', counts = 'SQEs:\t0\nCQEs:\t0\n'): string =>
    `${head}SqMask:\t0x3f\nSqHead:\t5\nSqTail:\t5\nCachedSqHead:\t5\nCqMask:\t0x7f\nCqHead:\t3\nCqTail:\t4294967295\nCachedCqTail:\t5\n${counts}SqThread:\t-1\nSqThreadCpu:\t-1\nSqTotalTime:\t0\nSqWorkTime:\t0\nUserFiles:\t0\nUserBufs:\t2\n    0: 0x7f00/4096\n${lines}NAPI:\tdisabled\n`;
  const idle = parseFdInfo(ring());
  t.same(idle.unknown, []);
  t.same(idle.ioUring, { sqEntries: 64, cqEntries: 128, sqHead: 5, sqTail: 5, cqHead: 3, cqTail: 4294967295, cachedSqHead: 5, cachedCqTail: 5, sqThread: -1, files: 0, buffers: 2, lists: ['UserBufs'], napi: false });
  t.same(parseFdInfo(ring('PollList:\n  op=6, task_works=0\nCqOverflowList:\n')).ioUring?.lists, ['UserBufs', 'PollList'], 'polls are in flight');
  t.same(parseFdInfo(ring(undefined, 'SQEs:\t0\nCQEs:\t1\n    3: user_data:7, res:0, flags:0\n')).ioUring?.lists, ['UserBufs'], 'what lies in the ring is no list of the kernel');
  t.equal(parseFdInfo(ring().replace('disabled', 'enabled')).ioUring?.napi, true);
  t.equal(parseFdInfo(head).ioUring, undefined, 'nothing shows while it is locked');
  t.throws(() => parseFdInfo(`${head}SqMask:\t0x3\n`), ProcFormatError, 'half a ring');
});

t.test('unknown state surfaces', async (t) => {
  const unknown = [
    ['a new field of a known kind', 'eventfd-foo: 3', { key: 'eventfd-foo', value: '3' }],
    ['an unsupported kind', 'KvmMask:\t0x3', { key: 'KvmMask', value: '0x3' }],
    ['an empty list', 'PlanetList:', { key: 'PlanetList', value: '' }],
    ['a line below a heading', '  op=1, task_works=0', { key: '', value: '  op=1, task_works=0' }],
    ['a name of every object', 'constructor: 1', { key: 'constructor', value: '1' }],
  ] as const;
  for (const [name, line, field] of unknown) t.same(parseFdInfo(`${head}${line}\n`).unknown, [field], name);
});

t.test('malformed rows', async (t) => {
  const bad: [name: string, text: string][] = [
    ['no pos', 'flags:\t02\nmnt_id:\t1\n'],
    ['no flags', 'pos:\t0\nmnt_id:\t1\n'],
    ['flags are no octal number', 'pos:\t0\nflags:\t08\nmnt_id:\t1\n'],
    ['empty', ''],
    ['eventfd count', `${head}eventfd-count: xyz\n`],
    ['semaphore without count', `${head}eventfd-semaphore: 1\n`],
    ['half a timerfd', `${head}clockid: 1\n`],
    ['epoll without data', `${head}tfd:        3 events: 80000019\n`],
    ['epoll with a new field', `${head}tfd:        3 events: 19 data: 3  pos:0 ino:11 sdev:10 new:1\n`],
    ['cut file handle', `${head}inotify wd:1 ino:3f7e8 sdev:1 mask:3c0 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:e8f7\n`],
    ['fanotify mark of an unknown kind', `${head}fanotify flags:0 event-flags:0\nfanotify planet:3 mflags:0 mask:2 ignored_mask:0\n`],
    ['fanotify mark without a group', `${head}fanotify mnt_id:1b mflags:40 mask:1 ignored_mask:0\n`],
    ['unknown lock', `${head}lock:\t1: NEWLCK  ADVISORY  WRITE 29877 fe:00:2206010 0 EOF\n`],
  ];
  for (const [name, text] of bad) t.throws(() => parseFdInfo(text), ProcFormatError, name);
});

t.test('ourselves', async (t) => {
  const fds = listFds('self');
  t.ok(fds.includes(1) && fds.length >= readdirSync('/proc/self/fd').length - 2, 'all descriptors');
  let epolls = 0;
  for (const fd of fds) {
    let link: string;
    let info: FdInfo;
    try {
      [link, info] = [readProcLink('self', `fd/${fd}`), readFdInfo('self', fd)];
    } catch (error) {
      t.equal((error as NodeJS.ErrnoException).code, 'ENOENT', `fd ${fd} was that of the listing`);
      continue;
    }
    t.same(info.unknown, [], `fd ${fd} → ${link}`);
    if (link === 'anon_inode:[eventpoll]') epolls += info.epoll.length;
    t.equal(info.eventfd !== undefined, link === 'anon_inode:[eventfd]', link);
  }
  t.ok(epolls > 0, "libuv's epoll watches something");
});
