import t from 'tap';
import { Bug, type CriuError, HostLacks, ManyProblems, SyscallFailed, throwProblems, toCriuError, Unsupported } from './errors.js';

t.test('the message is one sentence, from what the layers knew', async (t) => {
  const rows: [name: string, error: CriuError, message: string][] = [
    ['nothing known', new Unsupported('file', 'x is not supported'), 'x is not supported'],
    ['doing', new Unsupported('file', 'x', { doing: 'dump' }), 'cannot dump: x'],
    ['object', new Unsupported('file', 'x', { object: 'fd 7' }), 'fd 7: x'],
    ['process without a name', new Unsupported('vma', 'x', { doing: 'dump', task: { pid: 3 } }), 'cannot dump process 3: x'],
    [
      'all',
      new Unsupported('file', 'x', { doing: 'dump', object: 'fd 7', task: { pid: 3, comm: 'sh' } }),
      'cannot dump fd 7 of process 3 (sh): x',
    ],
  ];
  for (const [name, error, message] of rows) t.equal(error.message, message, name);
});

t.test('an outer layer adds, and never overwrites', async (t) => {
  const error = new HostLacks('pid-taken', 'x', { object: 'inner' }).add({ object: 'outer', doing: 'restore', why: 'y' });
  t.match(error, { object: 'inner', doing: 'restore', why: 'y', code: 'host-pid-taken', name: 'HostLacks' });
  t.equal(error.message, 'cannot restore inner: x');
});

t.test('what lower layers throw becomes our kind', async (t) => {
  const named = (name: string, more: object) => Object.assign(new Error('m'), { name }, more);
  const rows: [name: string, thrown: unknown, expected: object][] = [
    ['sys', named('SyscallFailed', { errno: 'ENOSPC' }), { name: 'SyscallFailed', errno: 'ENOSPC', hint: /make room/ }],
    ['sys, errno as a number', named('SyscallFailed', { errno: 28, errnoName: 'ENOSPC' }), { errno: 'ENOSPC' }],
    ['node:fs', named('Error', { syscall: 'open', code: 'EACCES', errno: -13 }), { name: 'SyscallFailed', errno: 'EACCES' }],
    ['images', named('ImageCorrupt', { object: 'core-1.img' }), { name: 'ImageCorrupt', message: 'core-1.img: m' }],
    ['tracee', named('TraceeDied', {}), { code: 'tracee-died' }],
    ['tracee, with its task', named('TraceeDied', { task: { pid: 7 } }), { code: 'tracee-died', task: { pid: 7 } }],
    ['a thread of /proc', named('ProcessGone', { task: '7/task/9' }), { code: 'tracee-died', task: { pid: 7 }, what: 'its thread 9 is gone' }],
    ['a process of /proc', named('ProcessGone', { task: '7' }), { code: 'tracee-died', task: { pid: 7 }, what: 'the process is gone' }],
    ['our own /proc', named('ProcessGone', { task: 'self' }), { code: 'tracee-died', task: undefined }],
    ['a task that runs on', named('FreezeFailed', { task: { pid: 7 }, hint: 'h' }), { code: 'host-freeze', name: 'HostLacks', task: { pid: 7 }, hint: 'h', what: 'm' }],
    ['a stop that nobody wanted', named('UnexpectedStop', { task: { pid: 7 } }), { code: 'bug', task: { pid: 7 }, hint: /report/ }],
    ['a batch', named('SyscallFailed', { errno: 1, errnoName: 'EPERM', doing: 'set the nice value 5' }), { code: 'syscall-failed', errno: 'EPERM', what: 'could not set the nice value 5: m', hint: /root/ }],
    ['a new kernel', named('ProcFormatError', { file: 'maps', text: '?' }), { code: 'host-kernel', hint: /version of the kernel/, why: /this kernel/ }],
    ['netlink that makes no sense', named('NetlinkFormatError', {}), { code: 'host-kernel' }],
    ['netlink that refuses', named('NetlinkError', { errno: 28, code: 'ENOSPC' }), { code: 'syscall-failed', errno: 'ENOSPC' }],
    ['one error over another', named('SuppressedError', { error: new Error('later'), suppressed: named('TraceeDied', { task: { pid: 7 } }) }), { code: 'tracee-died', task: { pid: 7 }, what: 'm' }],
    ['a stranger', new TypeError('m'), { name: 'Bug', cause: TypeError }],
    ['no error at all', 7, { name: 'Bug', message: 'thrown: 7' }],
  ];
  for (const [name, thrown, expected] of rows) {
    const error = toCriuError(thrown);
    t.match(error, expected, name);
    t.equal(error.cause, thrown, `${name}: the original is kept`);
  }
  const inner = toCriuError(named('FreezeFailed', { task: { pid: 9 } }), { doing: 'dump', task: { pid: 7, comm: 'root' } });
  t.match(inner, { message: 'cannot dump process 9: m', doing: 'dump' }, 'who threw it knows better whom it is about');
  const ours = new SyscallFailed('m', 'EIO');
  t.equal(toCriuError(ours, { doing: 'dump' }), ours, 'ours is the same object');
  t.equal(ours.message, 'cannot dump: m', 'with context added');
});

t.test('problems come all at once', async (t) => {
  const one = new Unsupported('file', 'a');
  const two = new Bug('b');
  t.doesNotThrow(() => throwProblems([]));
  t.throws(() => throwProblems([one], { doing: 'dump' }), { name: 'Unsupported', message: 'cannot dump: a' });
  t.throws(() => throwProblems([one, two], { doing: 'dump' }), { code: 'many-problems', message: 'cannot dump: 2 problems' });
  t.match(new ManyProblems([one, new Unsupported('file', 'c')]), { code: 'unsupported-file' }, 'one kind keeps its code');
  t.equal(two.message, 'cannot dump: b', 'each knows what was being done');
});
