import { O, SYS } from '@criu-ts/kernel/abi';
import { closeSync, existsSync, linkSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
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
const CLOEXEC = O.CLOEXEC;

/** A directory that goes with the test; the subjects too. */
function place(t: Test): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-files-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function subject(t: Test): Subject {
  const made = new Subject();
  t.teardown(() => made[Symbol.dispose]());
  return made;
}

function roundTrip(t: Test, victims: readonly Subject[], options: object = {}): Subject[] {
  const before = victims.map((victim) => comparable(victim.files()));
  const dumped = dumpFiles(victims, options);
  t.same(victims.map((victim) => comparable(victim.files())), before, 'the dump left no trace');
  const restored = victims.map(() => subject(t));
  restoreInto(restored, dumped, victims.map(({ pid }) => pid));
  t.same(restored.map((task) => comparable(task.files())), before, 'what /proc says is the same');
  return restored;
}

t.test('regular files, directories, devices: flags, positions, shared offsets, holes between numbers', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  const file = path.join(dir, 'a file\nwith a newline');
  writeFileSync(file, '0123456789');
  victim.call(SYS.openat, AT_FDCWD, '/dev/null', O.RDWR, 0); // 0
  victim.call(SYS.openat, AT_FDCWD, file, O.RDWR, 0); // 1
  victim.call(SYS.lseek, 1, 5, 0);
  victim.call(SYS.dup3, 1, 7, CLOEXEC);
  victim.call(SYS.openat, AT_FDCWD, file, O.RDONLY | CLOEXEC, 0); // 2
  victim.call(SYS.openat, AT_FDCWD, file, O.WRONLY | O.APPEND | O.NOATIME, 0); // 3
  victim.call(SYS.openat, AT_FDCWD, dir, O.RDONLY | O.DIRECTORY, 0); // 4
  victim.call(SYS.openat, AT_FDCWD, file, O.PATH, 0); // 5
  victim.call(SYS.openat, AT_FDCWD, '/dev/urandom', O.RDONLY | O.NONBLOCK, 0); // 6
  victim.call(SYS.dup3, 2, 100, 0);
  victim.call(SYS.dup3, 6, 3000, 0);
  victim.call(SYS.close, 6);
  victim.call(SYS.chdir, dir);
  victim.call(SYS.umask, 0o27);
  const [restored] = roundTrip(t, [victim]) as [Subject];
  t.equal(restored.call(SYS.lseek, 1, 2, 1), 7);
  t.match(restored.files()[7], /^pos:\t7$/m, 'the offset is shared');
  t.equal(readlinkSync(`/proc/${restored.pid}/cwd`), dir);
  t.equal(restored.status.umask, 0o27);
});

t.test('names that are no UTF-8, or look deleted', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  const odd = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xfe, 0x20, 0xe2, 0x82]), Buffer.from('x')]);
  writeFileSync(odd, 'x');
  writeFileSync(`${dir}/y (deleted)`, 'y');
  victim.call(SYS.openat, AT_FDCWD, new Uint8Array([...odd, 0]), O.RDONLY, 0);
  victim.call(SYS.openat, AT_FDCWD, `${dir}/y (deleted)`, O.RDONLY, 0);
  const [restored] = roundTrip(t, [victim]) as [Subject];
  t.equal(restored.read(0), 'x');
  t.equal(restored.read(1), 'y');
});

t.test('removed files come back as they were', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  mkdirSync(`${dir}/sub`);
  writeFileSync(`${dir}/sub/small`, 'gone', { mode: 0o604 });
  writeFileSync(`${dir}/big`, '');
  victim.call(SYS.openat, AT_FDCWD, `${dir}/sub/small`, O.RDWR, 0); // 0
  victim.call(SYS.openat, AT_FDCWD, `${dir}/sub/small`, O.RDONLY, 0); // 1: the same ghost
  victim.call(SYS.openat, AT_FDCWD, `${dir}/big`, O.RDWR, 0); // 2
  victim.call(SYS.pwrite64, 2, 'begin', 5, 0);
  victim.call(SYS.pwrite64, 2, 'far', 3, 1 << 20);
  victim.call(SYS.ftruncate, 2, 3 << 20);
  victim.call(SYS.openat, AT_FDCWD, `${dir}/sub`, O.RDONLY | O.DIRECTORY, 0); // 3
  victim.call(SYS.openat, AT_FDCWD, dir, O.RDWR | O.TMPFILE, 0o600); // 4
  victim.call(SYS.write, 4, 'unnamed', 7);
  unlinkSync(`${dir}/sub/small`);
  unlinkSync(`${dir}/big`);
  rmdirSync(`${dir}/sub`);
  victim.call(SYS.chdir, '/');
  const before = victim.files();
  const dumped = dumpFiles([victim]);
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  const comparableGhost = (files: Record<string, string>): unknown => Object.fromEntries(Object.entries(files).map(([fd, text]) => [fd, text.replace(/^ino:.*/m, '').replace(/^flags:.*/m, (flags) => (fd === '4' ? '' : flags))]));
  t.same(comparableGhost(restored.files()), comparableGhost(before), 'what /proc says is the same, but for inode numbers');
  t.same(readdirSync(dir), [], 'no temporary name is left');
  t.equal(restored.read(1), 'gone');
  restored.call(SYS.pwrite64, 0, 'G', 1, 0);
  using again = restored.take(1);
  t.equal(readFileSync(`/proc/self/fd/${again.number}`, 'latin1'), 'Gone', 'both are one inode');
  using big = restored.take(2);
  const content = readFileSync(`/proc/self/fd/${big.number}`);
  t.equal(content.length, 3 << 20);
  t.equal(content.subarray(0, 5).toString(), 'begin');
  t.equal(content.subarray(1 << 20, (1 << 20) + 3).toString(), 'far');
  t.equal(content.filter((byte) => byte !== 0).length, 8, 'and nothing else');
  t.equal(readFileSync(`/proc/${restored.pid}/fd/4`, 'latin1'), 'unnamed');
});

t.test('names that a killed restore has left behind are in nobody\'s way', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  writeFileSync(`${dir}/gone`, 'gone');
  victim.call(SYS.openat, AT_FDCWD, `${dir}/gone`, O.RDONLY, 0);
  unlinkSync(`${dir}/gone`);
  const dumped = dumpFiles([victim]);
  const left = ['gone.cr.1.ghost', 'gone.cr.1.ghost.1', 'gone.cr_link'];
  for (const name of left) writeFileSync(`${dir}/${name}`, 'left');
  const restored = subject(t);
  restoreInto([restored], dumped, [victim.pid]);
  t.equal(restored.read(0), 'gone');
  t.equal(readlinkSync(`/proc/${restored.pid}/fd/0`), `${dir}/gone (deleted)`);
  t.same(readdirSync(dir).sort(), left, 'and stay there');
});

t.test('pipes: data, sizes, both ends in one process and in two', async (t) => {
  const [one, two] = [subject(t), subject(t)] as const;
  one.puppet.batch((batch) => {
    const at = batch.struct(8);
    batch.call(SYS.pipe2, at.address, 0);
  }); // 0, 1
  one.call(SYS.fcntl, 1, 1031, 1 << 17);
  one.call(SYS.write, 1, 'in flight', 9);
  one.call(SYS.fcntl, 0, 4, O.NONBLOCK);
  one.call(SYS.dup3, 1, 9, 0);
  // The second process gets the writer, as a child would.
  two.call(SYS.pidfd_open, process.pid, 0);
  using writer = one.take(1);
  two.call(SYS.pidfd_getfd, 0, writer.number, 0);
  two.call(SYS.dup3, 1, 0, 0);
  const [restored, other] = roundTrip(t, [one, two]) as [Subject, Subject];
  other.call(SYS.write, 0, '!', 1);
  t.equal(restored.read(0), 'in flight!');
  t.equal(one.read(0), 'in flight', 'the dump took nothing out');
});

t.test('what stands in the way is told by name, all of it', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  writeFileSync(`${dir}/large`, Buffer.alloc(2 << 20, 1));
  writeFileSync(`${dir}/linked`, 'x');
  linkSync(`${dir}/linked`, `${dir}/other`);
  writeFileSync(`${dir}/replaced`, 'x');
  for (const name of ['large', 'linked', 'replaced']) victim.call(SYS.openat, AT_FDCWD, `${dir}/${name}`, O.RDONLY, 0);
  unlinkSync(`${dir}/large`);
  unlinkSync(`${dir}/linked`);
  renameSync(`${dir}/replaced`, `${dir}/elsewhere`);
  victim.call(SYS.userfaultfd, 1);
  const problems = problemsOf([victim]);
  t.match(
    problems.map(({ message, hint }) => ({ message, hint })),
    [
      { message: /^fd 0 → .*large \(deleted\) of process \d+ \(subject\): .*too large/, hint: /--ghost-limit/ },
      { message: /^fd 1 → .*has other names/, hint: /--link-remap/ },
      { message: /userfaultfd/, hint: /turn off/ },
    ],
  );
  t.equal(problems.length, 3, 'a renamed file is found by its new name');
  const restored = subject(t);
  victim.call(SYS.close, 3);
  const dumped = dumpFiles([victim], { ghostLimit: 4 << 20, linkRemap: true });
  restoreInto([restored], dumped, [victim.pid]);
  t.equal(restored.read(1), 'x');
  t.match(restored.files()[1], `${dir}/linked (deleted)`);
});

t.test('external and inherited files', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  for (const name of ['left', 'given']) writeFileSync(`${dir}/${name}`, name);
  victim.call(SYS.openat, AT_FDCWD, `${dir}/left`, O.RDONLY, 0); // 0
  victim.call(SYS.openat, AT_FDCWD, `${dir}/given`, O.RDONLY, 0); // 1
  victim.puppet.batch((batch) => void batch.call(SYS.pipe2, batch.struct(8).address, 0)); // 2, 3
  const id = `file[${Number(/^mnt_id:\t(\d+)/m.exec(victim.files()[0] ?? '')?.[1]).toString(16)}:${statSync(`${dir}/left`).ino.toString(16)}]`;
  const pipeName = readlinkSync(`/proc/${victim.pid}/fd/2`).replace(':', '');
  const dumped = dumpFiles([victim], { external: [id] });
  unlinkSync(`${dir}/left`);
  unlinkSync(`${dir}/given`);
  t.throws(() => restoreInto([subject(t)], dumped, [victim.pid]), { code: 'host-external-file', hint: /--inherit-fd/ });
  writeFileSync(`${dir}/other`, 'left');
  const other = openSync(`${dir}/other`, 'r');
  const reader = subject(t);
  reader.puppet.batch((batch) => void batch.call(SYS.pipe2, batch.struct(8).address, 0));
  using pipeEnd = reader.take(1);
  t.teardown(() => closeSync(other));
  const restored = subject(t);
  const inheritFds = [{ fd: other, resource: id }, { fd: other, resource: `${dir}/given`.slice(1) }, { fd: pipeEnd.number, resource: pipeName }];
  restoreInto([restored], dumped, [victim.pid], { inheritFds });
  t.equal(restored.read(0), 'left');
  t.equal(readlinkSync(`/proc/${restored.pid}/fd/1`), `${dir}/other`);
  t.equal(readlinkSync(`/proc/${restored.pid}/fd/2`), readlinkSync(`/proc/${reader.pid}/fd/0`));
  t.equal(readlinkSync(`/proc/${restored.pid}/fd/3`), readlinkSync(`/proc/${reader.pid}/fd/0`));
});

t.test('a file that changed since is refused, and nothing is left behind', async (t) => {
  const dir = place(t);
  const victim = subject(t);
  writeFileSync(`${dir}/f`, 'abc');
  victim.call(SYS.openat, AT_FDCWD, `${dir}/f`, O.RDONLY, 0);
  const dumped = dumpFiles([victim]);
  const rows: [name: string, change: () => void, expected: { code: string; message?: RegExp }][] = [
    ['grown', () => writeFileSync(`${dir}/f`, 'abcd'), { code: 'host-file-changed', message: /has 4 bytes, at the dump it had 3/ }],
    ['another type', () => (unlinkSync(`${dir}/f`), mkdirSync(`${dir}/f`)), { code: 'host-file-changed', message: /is a directory now/ }],
    ['missing', () => rmdirSync(`${dir}/f`), { code: 'host-file-missing' }],
  ];
  for (const [name, change, expected] of rows) {
    change();
    t.throws(() => restoreInto([subject(t)], dumped, [victim.pid]), expected, name);
  }
  t.notOk(existsSync(`${dir}/f`));
});
