import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CriuEvent, HostLacks, ManyProblems, Unsupported } from '@criu-ts/core';
import t from 'tap';
import { dumpStats, fakeIo, type FakeOptions } from './fake-io.js';
import { run } from './run.js';
import { VERSION } from './version.js';

const at = 12.5;
const events: CriuEvent[] = [
  { at, type: 'stage-begin', stage: 'freeze' },
  { at, type: 'task-frozen', task: { pid: 12, comm: 'sh' }, threads: 1 },
  { at, type: 'warning', text: 'something odd', task: { pid: 12 } },
  { at, type: 'note', text: 'deep', detail: true },
  { at, type: 'syscall', tid: 12, text: 'getpid() = 12' },
  { at, type: 'stage-end', stage: 'freeze', ms: 1.5 },
];

async function go(args: string, options: FakeOptions = {}) {
  const io = fakeIo(options);
  const code = await run(args.split(' '), io);
  return { code, io, out: io.out, err: io.err };
}

t.test('dump: options reach the API', async (t) => {
  const dir = t.testdir({ images: {}, work: {} });
  const { code, io } = await go(
    'dump -t 12 -D images -W work -R -j -l --tcp-established --ghost-limit 64K --timeout 3 --external dev[1/3]:n --compress lz4 --checksum',
    { cwd: dir, env: { CRIU_TS_FAULT: 'kill:pages' } },
  );
  t.equal(code, 0);
  t.match(io.dumps, [
    {
      pid: 12,
      imagesDir: path.join(dir, 'images'),
      workDir: path.join(dir, 'work'),
      leaveRunning: true,
      leaveStopped: false,
      shellJob: true,
      fileLocks: true,
      tcpEstablished: true,
      extUnixSk: false,
      traceSyscalls: false,
      ghostLimit: 65536,
      timeout: 3,
      external: ['dev[1/3]:n'],
      compress: 'lz4',
      checksum: true,
      faultPoint: { action: 'kill', stage: 'pages' },
    },
  ]);
  t.equal(io.out + io.err, '', 'success is silent where nobody looks');
});

t.test('restore: options reach the API, the exit code is the task\'s', async (t) => {
  const cwd = t.testdir({});
  const rows: [name: string, args: string, options: FakeOptions, code: number][] = [
    ['exit code', 'restore', { end: { exitCode: 7 } }, 7],
    ['a signal', 'restore', { end: { signal: 9 } }, 137],
    ['detached', 'restore -d', { end: { exitCode: 7 } }, 0],
    ['as criu', 'restore', { name: 'criu', end: { exitCode: 7 } }, 0],
  ];
  for (const [name, args, options, expected] of rows) t.equal((await go(args, { cwd, ...options })).code, expected, name);

  t.equal((await go('restore -d -j', { cwd })).io.terminalLeft, true, 'a job that we do not wait for has the terminal now');
  t.equal((await go('restore -j', { cwd })).io.terminalLeft, false, 'for the other we wait');
  const { io } = await go('restore -d -S -s --inherit-fd fd[3]:tty[8800005:1] --join-ns ipc:12 -J uts:ns/uts', { cwd });
  t.match(io.restores, [{ imagesDir: cwd, sibling: true, leaveStopped: true, inheritFds: [{ fd: 3, resource: 'tty[8800005:1]' }] }]);
  t.match(io.restores, [{ joinNamespaces: [{ name: 'ipc', path: '/proc/12/ns/ipc' }, { name: 'uts', path: `${cwd}/ns/uts` }] }]);
});

t.test('restore: the pidfile', async (t) => {
  const cwd = t.testdir({ images: {} });
  const file = path.join(cwd, 'images/pid');
  const failed = await go('restore -d -D images --pidfile pid', { cwd, error: new HostLacks('pid-taken', 'x') });
  t.equal(failed.code, 1);
  t.notOk(existsSync(file), 'is taken away when the restore fails');
  const done = await go('restore -d -D images --pidfile pid', { cwd });
  t.equal(done.code, 0);
  t.equal(readFileSync(file, 'utf8'), '77', 'lies in the work directory');
  const again = await go('restore -d -D images --pidfile pid', { cwd });
  t.match(again, { code: 1, err: /cannot create the pidfile.*EEXIST/ });
  t.equal(again.io.restores.length, 0, 'nothing was restored');
});

t.test('usage errors', async (t) => {
  const cwd = t.testdir({ file: '' });
  const rows: [args: string, err: RegExp][] = [
    ['', /unknown command/],
    ['-j', /a command is required/],
    ['dmup', /unknown command: dmup; did you mean 'dump'\?/],
    ['pre-dump -t 1', /the command pre-dump of CRIU is not supported yet: /],
    ['dump', /dump needs a process: -t PID/],
    ['dump -t 1 more', /excessive parameter for command dump: more/],
    ['dump -t 1 -D nowhere', /the images directory does not exist: .*nowhere/],
    ['dump -t 1 -D file', /the images directory is none/],
    ['dump -t 1 --compress zstd', /invalid argument for --compress: zstd/],
    ['dump -t 1 --lazy-pages', /option --lazy-pages is not supported yet: /],
    ['dump -t 1 -o no/such', /cannot create the log file/],
    ['restore -S', /only makes sense with --restore-detached/],
    ['restore --join-ns pid:1', /invalid argument for --join-ns: pid:1/],
    ['restore --join-ns ipc', /invalid argument for --join-ns: ipc/],
    ['restore --inherit-fd 3', /invalid argument for --inherit-fd: 3/],
  ];
  for (const [args, err] of rows) {
    const result = await go(args, { cwd });
    t.match(result, { code: 1, err, out: '' }, `'${args}'`);
    t.match(result.err, /\n {2}do: {2}criu-ts --help\n$/, 'says what to do');
    t.equal(result.io.dumps.length + result.io.restores.length, 0, 'nothing was done');
  }
  const json = await go('dump --json', { cwd });
  t.match(JSON.parse(json.out), { ok: false, error: { code: 'usage', message: /-t PID/ } }, 'as JSON where that is asked for');
});

t.test('the log', async (t) => {
  const cwd = t.testdir({});
  const logOf = async (level: string): Promise<string> => {
    await go(`dump -t 12 -o log -v${level}`, { cwd, events });
    return readFileSync(path.join(cwd, 'log'), 'utf8');
  };
  t.equal(await logOf('0'), '', 'v0');
  t.equal(await logOf('1'), '', 'v1: no errors');
  t.equal(await logOf('2'), 'Warn  (criu-ts): 12: something odd\n', 'v2: no times');
  const info = await logOf('3');
  t.match(info, /^\(00\.\d{6}\) Version: 4\.2 /, 'v3: times');
  t.match(info, /\) freeze: done after 1\.500 ms\n/);
  t.match(info, /\) Dumping finished successfully\n$/);
  t.notMatch(info, /deep|getpid/);
  t.match(await logOf('4'), /\) deep\n/, 'v4: details');
  t.match(await logOf('5'), /\) 12: getpid\(\) = 12\n/, 'v5: system calls');
  t.equal(statSync(path.join(cwd, 'log')).mode & 0o777, 0o600, 'is for its owner');

  await go('dump -t 12 -o log -v3 --log-json', { cwd, events });
  const lines = readFileSync(path.join(cwd, 'log'), 'utf8').trim().split('\n');
  t.strictSame(lines.map((line) => JSON.parse(line)), events.filter(({ type }) => type !== 'note' && type !== 'syscall'), '--log-json');
  t.match((await go('dump -t 12 -v3', { cwd, events })).err, /something odd/, 'goes to stderr by default');
  t.match(await go('dump -t 12 -v3 -o /dev/full', { cwd, events }), { code: 0, err: '' }, 'a full disk does no harm');
  const full = await go('dump -t 12 -o /dev/full', { cwd, error: new HostLacks('kernel', 'too old') });
  t.match(full, { code: 1, err: /^criu-ts dump: too old/ }, 'nor does it hide an error');
});

t.test('errors have three lines', async (t) => {
  const cwd = t.testdir({});
  const error = new Unsupported('file', 'anon_inode:[io_uring] is not supported', {
    doing: 'dump',
    object: 'fd 7',
    task: { pid: 12, comm: 'pg' },
    why: 'no way',
    hint: 'stop it',
    aftermath: 'it runs on, untouched',
  });
  const text = [
    'criu-ts dump: cannot dump fd 7 of process 12 (pg): anon_inode:[io_uring] is not supported  [unsupported-file]',
    '  why: no way',
    '  do:  stop it        (it runs on, untouched)',
    '',
  ].join('\n');
  const one = await go('dump -t 12 -o log', { cwd, error });
  t.match(one, { code: 1, err: text, out: '' });
  t.match(readFileSync(path.join(cwd, 'log'), 'utf8'), /^Error \(criu-ts\): criu-ts dump: cannot dump fd 7/, 'in the log as well');

  const two = await go('dump -t 12 --json', { cwd, error: new ManyProblems([error, new HostLacks('kernel', 'too old')]) });
  t.equal(two.err.split('\n').length, 7, 'each of many');
  t.match(JSON.parse(two.out), { ok: false, command: 'dump', error: { code: 'many-problems', problems: [{ code: 'unsupported-file', hint: 'stop it' }, { code: 'host-kernel' }] } });

  const strange = await go('dump -t 12', { cwd, error: new TypeError('x is not a function') });
  t.match(strange, { code: 1, err: /x is not a function {2}\[bug\]\n {2}why: .*\n {2}do: {2}please report it/ }, 'a stranger');
});

t.test('an interrupt ends it', async (t) => {
  const io = fakeIo({ cwd: t.testdir({}), hangs: true });
  const running = run(['dump', '-t', '12'], io);
  await new Promise(setImmediate);
  io.interrupt('SIGTERM');
  t.equal(await running, 1);
  t.match(io.err, /interrupted by SIGTERM {2}\[interrupted\]/);
});

t.test('for people, for programs', async (t) => {
  const cwd = t.testdir({});
  const progress: CriuEvent[] = [0, 100, 200].map((at, i) => ({ at, type: 'progress', stage: 'pages', done: i * 1024, total: 2048 }));
  const person = await go('dump -t 12', { cwd, columns: 100, events: progress });
  t.match(person.err, /\r\x1b\[Kpages +█+░+ +50 % {2}1\.0 KiB of 2\.0 KiB/, 'a bar');
  t.match(person.err, /\r\x1b\[Kdumped 2 processes \(root 12\) to .*: 1\.0 MiB of memory, frozen for 3\.1 ms, .* in all\n$/, 'a summary');
  t.equal((await go('dump -t 12', { cwd, columns: 100, events: progress, name: 'criu' })).err, '', 'nothing of it as criu');
  const json = await go('dump -t 12 --json', { cwd, columns: 100 });
  t.match(JSON.parse(json.out), { command: 'dump', ok: true, pid: 12, tasks: 2, imagesDir: cwd, stats: dumpStats });
  t.equal(json.err, '', 'no summary beside it');
  t.match((await go('dump -t 12 --display-stats', { cwd })).out, /^Displaying dump stats:\nFreezing time: 120 us\n[^]*pages written: 256 \(0x100\)\n/);
  t.match((await go('restore -d --display-stats', { cwd })).out, /^Displaying restore stats:\n[^]*Restore time: 4000 us\n/);
});

t.test('configuration files', async (t) => {
  const cwd = t.testdir({ home: { '.criu': { 'default.conf': 'leave-running\nghost-limit 2M\n' } }, one: 'shell-job\n' });
  const env = { HOME: path.join(cwd, 'home') };
  t.match((await go('dump -t 12 --ghost-limit 1K', { cwd, env })).io.dumps, [{ leaveRunning: true, ghostLimit: 1024 }], 'the command line wins');
  t.match((await go('dump -t 12 --no-default-config', { cwd, env })).io.dumps, [{ leaveRunning: false }]);
  t.match((await go(`dump -t 12 --config ${path.join(cwd, 'one')}`, { cwd, env })).io.dumps, [{ leaveRunning: false, shellJob: true }], 'instead of the default');
  t.equal((await go('dump -t 12 --config /no/such', { cwd, env })).code, 0, 'one that is missing is no error');
  writeFileSync(path.join(cwd, 'one'), 'no-such-option\n');
  t.match(await go(`dump -t 12 --config ${path.join(cwd, 'one')}`, { cwd }), { code: 1, err: /unrecognized option/ });
  t.equal((await go(`--config ${path.join(cwd, 'one')} --help`, { cwd })).code, 0, 'help always comes');
});

t.test('help and version', async (t) => {
  const all = (await go('--help')).out;
  t.match(all, /^Usage:\n {2}criu-ts dump -t PID/);
  const dump = (await go('dump -h')).out;
  t.match(dump, /-t, --tree PID +root of the process tree/);
  t.notMatch(dump, /restore-detached/, 'only its own options');
  t.match((await go('restore --help', { name: 'criu' })).out, /^Usage:\n {2}criu restore/);
  t.ok(all.split('\n').every((line) => line.length <= 100), 'fits into 100 columns');
  t.match((await go('-V', { name: 'criu' })).out, /^Version: 4\.2\n/, 'what lxc and podman read');
  t.equal((await go('--version')).out, `criu-ts ${VERSION} (options and images of CRIU 4.2)\n`);
  t.equal((JSON.parse(readFileSync('packages/cli/package.json', 'utf8')) as { version: string }).version, VERSION);
});
