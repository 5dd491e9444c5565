import { AF, SHUT, SO, SOCK, sockaddr_un, SOL, SYS } from '@criu-ts/kernel/abi';
import { IMAGE_TYPES } from '@criu-ts/images';
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { enterOwnNetwork } from '../testing/own-network.js';
import { Subject } from '../testing/puppets.js';
import { dumpFiles, problemsOf, restoreInto } from '../testing/round-trip.js';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: descriptors of other processes are taken');
  process.exit(0);
}
enterOwnNetwork();

const folder = mkdtempSync(path.join(tmpdir(), 'criu-ts-unix-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

function subject(t: Test): Subject {
  const made = new Subject();
  t.teardown(() => made[Symbol.dispose]());
  return made;
}

/** `@x`: abstract. */
function address(name: string): Uint8Array {
  const path = Buffer.from(name.replace(/^@/, '\0'));
  return sockaddr_un.encode({ sun_family: AF.UNIX, sun_path: Buffer.concat([path, Buffer.alloc(108 - path.length)]) }).subarray(0, 2 + path.length);
}

class Task {
  readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  socket(type: number): number {
    return this.subject.call(SYS.socket, AF.UNIX, type, 0);
  }

  pair(type: number): [number, number] {
    return this.subject.puppet.batch((batch) => {
      const both = batch.struct(8);
      batch.call(SYS.socketpair, AF.UNIX, type, 0, both.address);
      batch.run();
      const view = new DataView(this.subject.puppet.tracee.read(both.address, 8).slice().buffer);
      return [view.getInt32(0, true), view.getInt32(4, true)];
    });
  }

  bind(fd: number, name: string): number {
    return this.subject.call(SYS.bind, fd, address(name), address(name).length);
  }

  connect(fd: number, name: string): number {
    return this.subject.call(SYS.connect, fd, address(name), address(name).length);
  }

  send(fd: number, text: string): void {
    this.subject.call(SYS.sendto, fd, text, text.length, 0x40, 0, 0);
  }

  sendTo(fd: number, text: string, name: string): void {
    this.subject.call(SYS.sendto, fd, text, text.length, 0x40, address(name), address(name).length);
  }

  /** What is received, with the sender's name; a negated errno instead. */
  receive(fd: number): string | number {
    return this.subject.puppet.batch((batch) => {
      const data = batch.struct(256);
      const name = batch.struct(128);
      const length = batch.struct(4);
      length.view.setInt32(0, 128, true);
      const ref = batch.attempt(SYS.recvfrom, fd, data.address, 256, 0x40, name.address, length.address);
      batch.run();
      const count = batch.result(ref);
      if (count < 0) return count;
      const { tracee } = this.subject.puppet;
      const from = textOf(tracee.read(name.address, 128), new DataView(tracee.read(length.address, 4).slice().buffer).getInt32(0, true));
      return `${Buffer.from(tracee.read(data.address, count)).toString('latin1')}${from === '' ? '' : ` from ${from}`}`;
    });
  }

  /** getsockname(2) or getpeername(2): a negated errno where there is none. */
  name(fd: number, peer: boolean): string | number {
    return this.subject.puppet.batch((batch) => {
      const name = batch.struct(128);
      const length = batch.struct(4);
      length.view.setInt32(0, 128, true);
      const ref = batch.attempt(peer ? SYS.getpeername : SYS.getsockname, fd, name.address, length.address);
      batch.run();
      if (batch.result(ref) < 0) return batch.result(ref);
      const { tracee } = this.subject.puppet;
      return textOf(tracee.read(name.address, 128), new DataView(tracee.read(length.address, 4).slice().buffer).getInt32(0, true));
    });
  }

  names(fds: readonly number[]): (string | number)[] {
    return fds.flatMap((fd) => [this.name(fd, false), this.name(fd, true)]);
  }

  option(fd: number, name: number): number {
    return this.subject.puppet.batch((batch) => {
      const value = batch.struct(4);
      const length = batch.struct(4);
      length.view.setInt32(0, 4, true);
      batch.call(SYS.getsockopt, fd, SOL.SOCKET, name, value.address, length.address);
      batch.run();
      return new DataView(this.subject.puppet.tracee.read(value.address, 4).slice().buffer).getInt32(0, true);
    });
  }
}

function textOf(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.subarray(2, Math.max(2, length))).toString('latin1').replace(/^\0/, '@').replace(/\0$/, '');
}

/** Dumps, ends the process, restores into another. */
function again(t: Test, victim: Subject, options = {}): Task {
  const dumped = dumpFiles([victim], options);
  const { pid } = victim;
  victim.call(SYS.close_range, 0, 0xffff_ffff, 0);
  const other = subject(t);
  restoreInto([other], dumped, [pid], options);
  return new Task(other);
}

const ENOTCONN = -107;
const EAGAIN = -11;

for (const [title, type] of [['stream', SOCK.STREAM], ['seqpacket', SOCK.SEQPACKET], ['dgram', SOCK.DGRAM]] as const) {
  t.test(`${title}: a pair with data both ways, shut down one way`, async (t) => {
    const victim = subject(t);
    const task = new Task(victim);
    const [a, b] = task.pair(type | SOCK.NONBLOCK);
    for (const text of ['one', 'three', 'x'.repeat(200)]) task.send(a, text);
    task.send(b, 'back');
    victim.call(SYS.shutdown, a, SHUT.WR);
    victim.call(SYS.setsockopt, a, SOL.SOCKET, SO.SNDBUF, new Uint8Array(Int32Array.of(30_000).buffer), 4);
    const restored = again(t, victim);
    const got = type === SOCK.STREAM ? [`onethree${'x'.repeat(200)}`] : ['one', 'three', 'x'.repeat(200)];
    for (const text of got) t.equal(restored.receive(b), text);
    t.equal(restored.receive(b), type === SOCK.DGRAM ? EAGAIN : '', 'then the end');
    t.equal(restored.receive(a), 'back');
    t.equal(restored.receive(a), EAGAIN, 'and that way it is open still');
    t.equal(restored.option(a, SO.SNDBUF), 60_000);
    restored.send(b, 'more');
    t.equal(restored.receive(a), 'more');
  });
}

const DELETED = 'a name that was unlinked';
for (const [title, name] of [['a path', at('listener')], ['an abstract name', '@criu-ts unix listener'], [DELETED, at('unlinked')]] as const) {
  t.test(`listening at ${title}, with connections`, async (t) => {
    const victim = subject(t);
    const task = new Task(victim);
    const listener = task.socket(SOCK.STREAM); // 0
    task.bind(listener, name);
    victim.call(SYS.listen, listener, 3);
    if (name.startsWith('/')) chmodSync(name, 0o640);
    const client = task.socket(SOCK.STREAM); // 1
    task.connect(client, name);
    const server = victim.call(SYS.accept4, listener, 0, 0, 0); // 2
    const named = task.socket(SOCK.STREAM); // 3
    task.bind(named, '@criu-ts unix client');
    task.connect(named, name);
    const other = victim.call(SYS.accept4, listener, 0, 0, 0); // 4
    const gone = task.socket(SOCK.STREAM | SOCK.NONBLOCK); // 5
    task.connect(gone, name);
    const ended = victim.call(SYS.accept4, listener, 0, 0, 0);
    task.send(ended, 'last words');
    victim.call(SYS.close, ended);
    if (title === DELETED) unlinkSync(name);
    task.send(client, 'to the server');
    const all = [listener, client, server, named, other, gone];
    const before = task.names(all);
    const restored = again(t, victim);
    t.strictSame(restored.names(all), before);
    t.strictSame(before.slice(0, 6), [name, ENOTCONN, '', name, name, '']);
    t.equal(restored.receive(server), 'to the server');
    t.equal(restored.receive(gone), `last words from ${name}`);
    t.equal(restored.receive(gone), '', 'the end of file');
    restored.send(other, 'hello');
    t.equal(restored.receive(named), `hello from ${name}`);
    t.equal(restored.option(listener, SO.ACCEPTCONN), 1);
    if (title === DELETED) {
      t.notOk(existsSync(name), 'the file is not there');
      return;
    }
    if (name.startsWith('/')) t.equal(statSync(name).mode & 0o777, 0o640);
    const late = restored.socket(SOCK.STREAM);
    restored.connect(late, name);
    const accepted = restored.subject.call(SYS.accept4, listener, 0, 0, 0);
    restored.send(late, 'late');
    t.equal(restored.receive(accepted), 'late');
    // A second time: what a restore leaves is what it found.
    t.strictSame(again(t, restored.subject).names(all), before);
  });
}

t.test('datagrams: senders by name and without, some gone, and their peers', async (t) => {
  const victim = subject(t);
  const task = new Task(victim);
  const server = task.socket(SOCK.DGRAM | SOCK.NONBLOCK); // 0
  task.bind(server, at('server'));
  const clients = ['@criu-ts dgram a', at('client')].map((name) => {
    const fd = task.socket(SOCK.DGRAM | SOCK.NONBLOCK); // 1, 2
    task.bind(fd, name);
    task.connect(fd, at('server'));
    task.send(fd, `by ${name}`);
    return fd;
  });
  const nameless = task.socket(SOCK.DGRAM); // 3
  task.connect(nameless, at('server'));
  task.send(nameless, '');
  task.send(nameless, 'by nobody');
  const passing = task.socket(SOCK.DGRAM);
  task.bind(passing, at('passing'));
  task.sendTo(passing, 'by one who left', at('server'));
  victim.call(SYS.close, passing);
  unlinkSync(at('passing'));
  const self = task.socket(SOCK.DGRAM | SOCK.NONBLOCK); // 4
  task.bind(self, '@criu-ts dgram self');
  task.connect(self, '@criu-ts dgram self');
  task.send(self, 'to myself');
  const [lonely, partner] = task.pair(SOCK.DGRAM | SOCK.NONBLOCK); // 5
  task.send(partner, 'farewell');
  victim.call(SYS.close, partner);
  const all = [server, ...clients, nameless, self, lonely];
  const before = task.names(all);
  const restored = again(t, victim);
  t.strictSame(restored.names(all), before);
  for (const text of [`by @criu-ts dgram a from @criu-ts dgram a`, `by ${at('client')} from ${at('client')}`, '', 'by nobody', `by one who left from ${at('passing')}`]) t.equal(restored.receive(server), text);
  t.equal(restored.receive(server), EAGAIN);
  t.notOk(existsSync(at('passing')), 'who left has left no file');
  t.equal(restored.receive(self), 'to myself from @criu-ts dgram self');
  t.equal(restored.receive(lonely), 'farewell');
  restored.send(nameless, 'new');
  t.equal(restored.receive(server), 'new');
  restored.sendTo(server, 'answer', at('client'));
  t.equal(restored.receive(clients[1] as number), `answer from ${at('server')}`);
  t.throws(() => restored.send(lonely, 'x'), /ECONNREFUSED/);
});

t.test('a socket file that was renamed is found by its new name', async (t) => {
  const victim = subject(t);
  const task = new Task(victim);
  const fd = task.socket(SOCK.STREAM);
  task.bind(fd, at('temporary'));
  victim.call(SYS.listen, fd, 1);
  renameSync(at('temporary'), at('final'));
  const restored = again(t, victim);
  t.equal(restored.name(fd, false), at('temporary'));
  t.notOk(existsSync(at('temporary')));
  const client = restored.socket(SOCK.STREAM);
  restored.connect(client, at('final'));
  const server = restored.subject.call(SYS.accept4, fd, 0, 0, 0);
  restored.send(client, 'found');
  t.equal(restored.receive(server), 'found');
});

t.test('a relative name', async (t) => {
  const victim = subject(t);
  const task = new Task(victim);
  victim.call(SYS.chdir, folder);
  const fd = task.socket(SOCK.SEQPACKET);
  task.bind(fd, 'relative');
  victim.call(SYS.listen, fd, 1);
  const cwd = process.cwd();
  const dumped = dumpFiles([victim]);
  t.match(dumped.images.read(IMAGE_TYPES.files).find(({ usk }) => usk !== undefined), { usk: { nameDir: folder } });
  victim.call(SYS.close, fd);
  const other = subject(t);
  restoreInto([other], dumped, [victim.pid]);
  t.equal(new Task(other).name(fd, false), 'relative');
  t.ok(statSync(at('relative')).isSocket());
  t.equal(process.cwd(), cwd);
});

t.test('a datagram socket whose peer is outside of the tree', async (t) => {
  const service = new Task(subject(t));
  const log = service.socket(SOCK.DGRAM | SOCK.NONBLOCK);
  service.bind(log, at('log'));
  const victim = subject(t);
  const task = new Task(victim);
  const fd = task.socket(SOCK.DGRAM);
  task.connect(fd, at('log'));
  t.match(problemsOf([victim]), [{ what: /log is outside of the tree/, hint: /--ext-unix-sk/ }]);
  const restored = again(t, victim, { extUnixSk: true });
  restored.send(fd, 'logged');
  t.equal(service.receive(log), 'logged');
});

t.test('unix sockets that can not be kept are refused by name', async (t) => {
  const outside = new Task(subject(t));
  const theirs = outside.socket(SOCK.STREAM);
  outside.bind(theirs, '@criu-ts theirs');
  outside.subject.call(SYS.listen, theirs, 1);
  const victim = subject(t);
  const task = new Task(victim);
  const half = task.socket(SOCK.STREAM); // 0
  task.connect(half, '@criu-ts theirs');
  outside.subject.call(SYS.accept4, theirs, 0, 0, 0);
  const waiting = task.socket(SOCK.STREAM); // 1
  task.connect(waiting, '@criu-ts theirs');
  const listener = task.socket(SOCK.STREAM); // 2
  task.bind(listener, '@criu-ts listener');
  victim.call(SYS.listen, listener, 1);
  const unaccepted = task.socket(SOCK.STREAM); // 3
  task.connect(unaccepted, '@criu-ts listener');
  task.send(unaccepted, 'early');
  const closed = task.socket(SOCK.STREAM);
  task.connect(closed, '@criu-ts listener');
  victim.call(SYS.close, closed);
  const [urgent, other] = task.pair(SOCK.STREAM); // 4, 5
  victim.call(SYS.sendto, other, 'u', 1, 1, 0, 0);
  t.equal(urgent, 4);
  t.match(
    problemsOf([victim]).map(({ object, what }) => `${object?.replace(/ .*/, '')} ${object?.replace(/\D*(\d+).*/, '$1')} ${what}`),
    [
      /^fd 0 .*@criu-ts theirs\) whose other end is outside/,
      /^fd 1 .*not accepted yet/,
      /^fd 2 1 connections to the unix socket @criu-ts listener were not accepted/,
      /^fd 3 .*not accepted yet, with data in it/,
      /^fd 4 urgent data/,
    ],
  );
});

t.test("somebody else's socket stays in its place", async (t) => {
  const victim = subject(t);
  const task = new Task(victim);
  task.bind(task.socket(SOCK.STREAM), at('taken'));
  const dumped = dumpFiles([victim]);
  unlinkSync(at('taken'));
  const rival = new Task(subject(t));
  rival.bind(rival.socket(SOCK.STREAM), at('taken'));
  const { ino } = statSync(at('taken'));
  const other = subject(t);
  t.throws(() => restoreInto([other], dumped, [victim.pid]), { message: /another process has the unix socket .*taken/ });
  t.equal(statSync(at('taken')).ino, ino);
});
