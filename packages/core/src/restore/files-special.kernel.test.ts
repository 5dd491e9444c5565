import { EPOLL_CTL, epoll_event, F, F_SEAL, flock, IN, LOCK, MFD, O, S, SYS } from '@criu-ts/kernel/abi';
import { fcntl } from '@criu-ts/kernel/sys';
import { IMAGE_TYPES } from '@criu-ts/images';
import { mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { comparable } from '../testing/comparable.js';
import { Subject } from '../testing/puppets.js';
import { dumpFiles, problemsOf, restoreInto } from '../testing/round-trip.js';

if (process.getuid?.() !== 0) {
  t.plan(0, 'needs root: descriptors of other processes are taken');
  process.exit(0);
}

const AT_FDCWD = -100;

function subject(t: Test): Subject {
  const made = new Subject();
  t.teardown(() => made[Symbol.dispose]());
  return made;
}

function roundTrip(t: Test, victims: readonly Subject[], ignore: readonly RegExp[] = []): Subject[] {
  const look = (subject: Subject): unknown => comparable(subject.files(), ignore);
  const before = victims.map(look);
  const dumped = dumpFiles(victims);
  t.same(victims.map(look), before, 'the dump left no trace');
  const restored = victims.map(() => subject(t));
  restoreInto(restored, dumped, victims.map(({ pid }) => pid));
  t.same(restored.map(look), before, 'what /proc says is the same');
  return restored;
}

const u64 = (value: bigint): Uint8Array => new Uint8Array(new BigUint64Array([value]).buffer);

t.test('eventfd: 64-bit counters, semaphore mode, owner and signal', async (t) => {
  const victim = subject(t);
  victim.call(SYS.eventfd2, 7, 0);
  victim.call(SYS.eventfd2, 3, 1 | O.NONBLOCK);
  victim.call(SYS.eventfd2, 0, O.CLOEXEC);
  victim.call(SYS.write, 2, u64(0xffff_ffff_ffff_fffen), 8);
  victim.call(SYS.dup3, 0, 5, 0);
  victim.call(SYS.fcntl, 0, F.SETSIG, 36);
  victim.call(SYS.fcntl, 0, F.SETOWN, process.pid);
  const [restored] = roundTrip(t, [victim]) as [Subject];
  t.equal(restored.read(1, 8).charCodeAt(0), 1, 'a semaphore gives one at a time');
  t.equal(restored.read(5, 8).charCodeAt(0), 7);
  t.equal(restored.call(SYS.fcntl, 0, F.GETSIG, 0), 36);
  t.equal(restored.call(SYS.fcntl, 0, F.GETOWN, 0), process.pid);
});

t.test("an owner's ids are kept", async (t) => {
  const victim = subject(t);
  victim.call(SYS.eventfd2, 0, 0);
  victim.call(SYS.setresuid, 1234, 1235, 0);
  victim.call(SYS.fcntl, 0, F.SETOWN, process.pid);
  victim.call(SYS.setresuid, 0, 0, 0);
  victim.call(SYS.prctl, 4, 1);
  const owner = (task: Subject): string => {
    return task.puppet.batch((batch) => {
      const ids = batch.struct(8);
      batch.call(SYS.fcntl, 0, F.GETOWNER_UIDS, ids.address);
      batch.run();
      return Buffer.from(task.puppet.tracee.read(ids.address, 8)).toString('hex');
    });
  };
  const before = owner(victim);
  const [restored] = roundTrip(t, [victim]) as [Subject];
  t.equal(before, 'd2040000d3040000');
  t.equal(owner(restored), before);
});

t.test('signalfd and timerfd', async (t) => {
  const victim = subject(t);
  victim.call(SYS.signalfd4, -1, u64(0x4000_0200n), 8, O.NONBLOCK);
  for (const [clock, flags, value, interval] of [
    [1, 0, 1000n, 0n],
    [0, 1, 4_000_000_000n, 0n],
    [7, 0, 500n, 3n],
    [1, 0, 0n, 0n],
  ] as const) {
    const fd = victim.call(SYS.timerfd_create, clock, 0);
    victim.call(SYS.timerfd_settime, fd, flags, new Uint8Array(new BigInt64Array([interval, 0n, value, 0n]).buffer), 0);
  }
  // One that went off long ago.
  const spent = victim.call(SYS.timerfd_create, 1, O.NONBLOCK);
  victim.call(SYS.timerfd_settime, spent, 0, new Uint8Array(new BigInt64Array([0n, 0n, 0n, 1000n]).buffer), 0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  /** Seconds that are left, of each timer. */
  const left = (task: Subject): number[] => Object.values(task.files()).flatMap((text) => [...text.matchAll(/^it_value: \((\d+), (\d+)\)/gm)].map(([, seconds, nanoseconds]) => Number(seconds) + Number(nanoseconds) / 1e9));
  const begin = performance.now();
  const before = left(victim);
  const [restored] = roundTrip(t, [victim], [/(?<=^it_value: \()\d+, \d+/m]) as [Subject];
  const after = left(restored);
  const passed = (performance.now() - begin) / 1000;
  t.equal(before.length, 5);
  // They count on, but those that are not armed; a clock that is set meanwhile is set by little.
  t.ok(before.every((value, i) => value === 0 ? after[i] === 0 : Math.abs(value - (after[i] ?? 0)) < passed + 1), `in ${passed} s from ${before.join()} to ${after.join()}`);
  t.equal(restored.read(spent, 8).charCodeAt(0), 1);
});

t.test('epoll: targets under their own and under closed numbers, shared between processes', async (t) => {
  const [victim, child] = [subject(t), subject(t)] as const;
  const event = (events: number, data: bigint): Uint8Array => epoll_event.encode({ events, data });
  victim.call(SYS.eventfd2, 1, 0); // 0
  victim.call(SYS.eventfd2, 0, 0); // 1
  victim.call(SYS.epoll_create1, 0); // 2
  victim.call(SYS.epoll_ctl, 2, EPOLL_CTL.ADD, 0, event(1, 0xdead_beef_0000_0001n));
  victim.call(SYS.epoll_ctl, 2, EPOLL_CTL.ADD, 1, event(0x8000_0001, 11n));
  victim.call(SYS.dup3, 1, 9, 0);
  victim.call(SYS.epoll_ctl, 2, EPOLL_CTL.ADD, 9, event(1, 99n));
  victim.call(SYS.close, 9);
  // A number that another file has by now.
  victim.call(SYS.dup3, 1, 8, 0);
  victim.call(SYS.epoll_ctl, 2, EPOLL_CTL.ADD, 8, event(1, 88n));
  victim.call(SYS.eventfd2, 5, 0); // 3
  victim.call(SYS.dup3, 3, 8, O.CLOEXEC);
  victim.call(SYS.epoll_ctl, 2, EPOLL_CTL.ADD, 8, event(4, 888n));
  victim.call(SYS.epoll_create1, 0); // 4 watches an epoll
  victim.call(SYS.epoll_ctl, 4, EPOLL_CTL.ADD, 2, event(1, 2n));
  // The first in the order of dumping has the epoll only.
  child.call(SYS.pidfd_open, process.pid, 0);
  using shared = victim.take(2);
  child.call(SYS.pidfd_getfd, 0, shared.number, 0);
  child.call(SYS.dup3, 1, 0, 0);
  child.call(SYS.close, 1);
  const watched = (files: Record<string, string>): unknown => Object.fromEntries(Object.entries(files).map(([fd, text]) => [fd, text.replace(/ ino:\w+ sdev:\w+/g, '').split('\n').sort()]));
  const before = [child, victim].map((task) => watched(comparable(task.files())));
  const dumped = dumpFiles([child, victim]);
  const restored = [subject(t), subject(t)];
  restoreInto(restored, dumped, [child.pid, victim.pid]);
  t.same(restored.map((task) => watched(comparable(task.files()))), before, 'what /proc says is the same');
  const parent = restored[1] as Subject;
  const ready = parent.puppet.batch((batch) => {
    const events = batch.struct(120);
    const count = batch.call(SYS.epoll_wait, 2, events.address, 10, 0);
    batch.run();
    const bytes = parent.puppet.tracee.read(events.address, 120);
    return Array.from({ length: batch.result(count) }, (_, i) => epoll_event.decode(bytes, 12 * i).data).sort();
  });
  t.same(ready, [0xdead_beef_0000_0001n, 888n].sort());
});

t.test('an epoll whose target nobody has is refused', async (t) => {
  const victim = subject(t);
  victim.call(SYS.epoll_create1, 0);
  victim.call(SYS.eventfd2, 0, 0);
  victim.call(SYS.epoll_ctl, 0, EPOLL_CTL.ADD, 1, epoll_event.encode({ events: 1, data: 0n }));
  // We keep it alive.
  using _kept = victim.take(1);
  victim.call(SYS.close, 1);
  t.match(problemsOf([victim]), [{ message: /fd 0 .* it watches what was added as fd 1/ }]);
});

t.test('FIFOs: data, one end only, removed ones', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-files-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const victim = subject(t);
  for (const name of ['a', 'b']) {
    victim.call(SYS.mknod, `${dir}/${name}`, S.IFIFO | 0o600, 0);
    victim.call(SYS.openat, AT_FDCWD, `${dir}/${name}`, O.RDWR, 0); // 0, 2
    victim.call(SYS.openat, AT_FDCWD, `${dir}/${name}`, O.RDONLY | O.NONBLOCK, 0); // 1, 3
  }
  victim.call(SYS.write, 0, 'fifo data', 9);
  victim.call(SYS.close, 0);
  victim.call(SYS.write, 2, 'removed', 7);
  unlinkSync(`${dir}/b`);
  const before = comparable(victim.files(), [/^ino:.*/m]);
  const dumped = dumpFiles([victim]);
  // While it has the FIFO open the data is in there.
  victim.call(SYS.close_range, 0, 100, 0);
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  t.same(comparable(restored.files(), [/^ino:.*/m]), before);
  t.equal(restored.read(1), 'fifo data');
  t.equal(restored.read(3), 'removed');
  t.same(readdirSync(dir), ['a']);
});

t.test('inotify: watches keep their numbers, and go on', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-files-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const victim = subject(t);
  writeFileSync(`${dir}/watched`, '');
  writeFileSync(`${dir}/ghost`, 'x');
  victim.call(SYS.inotify_init1, IN.NONBLOCK); // 0
  victim.call(SYS.inotify_add_watch, 0, `${dir}/ghost`, IN.OPEN); // wd 1
  victim.call(SYS.inotify_add_watch, 0, dir, IN.CREATE | IN.DELETE); // wd 2
  victim.call(SYS.inotify_add_watch, 0, `${dir}/watched`, IN.MODIFY | IN.ONESHOT); // wd 3
  victim.call(SYS.inotify_rm_watch, 0, 1);
  victim.read(0);
  // A ghost comes and goes in a watched directory: nobody is to hear of it.
  victim.call(SYS.openat, AT_FDCWD, `${dir}/ghost`, O.RDONLY, 0); // 1
  unlinkSync(`${dir}/ghost`);
  victim.read(0);
  const watches = (task: Subject): unknown => task.files()[0]?.split('\n').filter((line) => line.startsWith('inotify')).sort();
  const before = watches(victim);
  const dumped = dumpFiles([victim]);
  t.same(dumped.events, []);
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  t.same(watches(restored), before);
  t.throws(() => restored.read(0), /EAGAIN/, 'no events yet');
  writeFileSync(`${dir}/watched`, 'more');
  t.equal(restored.read(0).charCodeAt(0), 3);
  t.match(dumpFiles([victim]).events, [{ type: 'warning', text: /inotify events/ }], 'events in the queue are told of');
});

t.test('locks: POSIX, open file description, flock, leases', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-files-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const victim = subject(t);
  for (const name of ['posix', 'ofd', 'flock', 'lease']) writeFileSync(`${dir}/${name}`, 'x'.repeat(100));
  const range = (type: number, start: bigint, length: bigint): Uint8Array => flock.encode({ l_type: type, l_whence: 0, l_start: start, l_len: length });
  victim.call(SYS.openat, AT_FDCWD, `${dir}/posix`, O.RDONLY, 0); // 0
  victim.call(SYS.openat, AT_FDCWD, `${dir}/posix`, O.RDWR, 0); // 1
  victim.call(SYS.fcntl, 1, F.SETLK, range(F.WRLCK, 10n, 5n));
  victim.call(SYS.fcntl, 0, F.SETLK, range(F.RDLCK, 20n, 0n));
  victim.call(SYS.openat, AT_FDCWD, `${dir}/ofd`, O.RDWR, 0); // 2
  victim.call(SYS.fcntl, 2, F.OFD_SETLK, range(F.WRLCK, 0n, 7n));
  victim.call(SYS.openat, AT_FDCWD, `${dir}/flock`, O.RDWR, 0); // 3
  victim.call(SYS.flock, 3, LOCK.SH);
  victim.call(SYS.dup3, 3, 7, 0);
  victim.call(SYS.openat, AT_FDCWD, `${dir}/lease`, O.RDONLY, 0); // 4
  victim.call(SYS.fcntl, 4, F.SETLEASE, F.RDLCK);
  t.match(problemsOf([victim]), [1, 2, 3, 4, 5].map(() => ({ message: /holds a lock/, hint: /--file-locks/ })), 'not without the option');
  const locks = (task: Subject): unknown => Object.fromEntries(Object.entries(task.files()).map(([fd, text]) => [fd, [...text.matchAll(/^lock:\t\d+: (\w+ +\w+ +\w+) -?\d+ (.*)$/gm)].map(([, what, where]) => `${what} ${where}`)]));
  const before = locks(victim);
  const dumped = dumpFiles([victim], { fileLocks: true });
  t.match(
    dumped.images.read(IMAGE_TYPES.fileLocks),
    [{ flag: 1, type: 0, fd: 0, start: 20n, len: 0n }, { flag: 1, type: 1, fd: 1, start: 10n, len: 5n }, { flag: 4, type: 1, fd: 2, len: 7n }, { flag: 2, type: 0, fd: 3, len: 0n }, { flag: 8, type: 0, fd: 4 }],
  );
  t.throws(() => restoreInto([subject(t)], dumped, [victim.pid]), { code: 'host-file-locked' }, 'while the dumped one holds them');
  victim.call(SYS.close_range, 0, 100, 0);
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  t.same(locks(restored), before);
});

t.test('memfds: name, seals, mode, several openings', async (t) => {
  const victim = subject(t);
  victim.call(SYS.memfd_create, 'a name (deleted)', MFD.ALLOW_SEALING | MFD.CLOEXEC); // 0
  victim.call(SYS.write, 0, 'content', 7);
  victim.call(SYS.ftruncate, 0, 5000);
  victim.call(SYS.openat, AT_FDCWD, `/proc/self/fd/0`, O.RDONLY, 0); // 1
  victim.call(SYS.fcntl, 0, F.ADD_SEALS, F_SEAL.SHRINK | F_SEAL.GROW | F_SEAL.WRITE);
  victim.call(SYS.memfd_create, 'plain', 0); // 2
  victim.call(SYS.fchmod, 2, 0o640);
  const before = comparable(victim.files());
  const dumped = dumpFiles([victim]);
  const inodes = dumped.images.read(IMAGE_TYPES.memfdInode);
  t.match(inodes[0], { name: 'a name (deleted)', size: 5000n, seals: 14 });
  t.same([...dumped.sharedMemory.keys()], inodes.map(({ shmid }) => BigInt(shmid)), 'the contents are left to whoever copies memory');
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  t.same(comparable(restored.files()), before);
  using sealed = restored.take(1);
  t.equal(fcntl(sealed, F.GET_SEALS), 14);
});
