import t from 'tap';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { ERRNO } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { SYS } from '../abi/syscalls.js';
import { WAIT } from '../abi/wait.js';
import { addressOf, describeCall, getAffinity, kill, libcFunction, memfd, Memory, open, openAt, OwnedFd, pathBytes, pathString, pidfdOpen, poolSyscall, preadFully, processVmRead, processVmWrite, pwriteFully, rawSyscall, readLink, setAffinity, spawn, sys, SyscallFailed, tgkill, tryIoctl, viewAt, wait4 } from './index.js';

t.test('paths: every sequence of bytes survives', async (t) => {
  const rows: [name: string, hex: string, text: string][] = [
    ['ASCII', '2f746d70', '/tmp'],
    ['UTF-8 of two, three and four bytes', 'c3a4e282acf09f9880', 'ä€😀'],
    ['a byte that is none', '61ff62', 'a\udcff' + 'b'],
    ['Latin-1', 'e4f6', '\udce4\udcf6'],
    ['the replacement character itself', 'efbfbd', '\ufffd'],
    ['the same beside a byte that is none', 'efbfbdff', '\ufffd\udcff'],
    ['a sequence that is cut', 'e282', '\udce2\udc82'],
    ['a sequence that is cut, then another', 'e282c3a4', '\udce2\udc82ä'],
    ['too long a form of /', 'c0af', '\udcc0\udcaf'],
    ['a surrogate in UTF-8', 'eda080', '\udced\udca0\udc80'],
    ['above U+10FFFF', 'f4908080', '\udcf4\udc90\udc80\udc80'],
    ['a byte order mark', 'efbbbf61', '\ufeffa'],
    ['a pair whose second half looks like an escape', 'f0908280', '\u{10080}'],
    ['the same, then an escape', 'f090828080', '\u{10080}\udc80'],
    ['nothing', '', ''],
  ];
  for (const [name, hex, text] of rows) {
    t.equal(pathString(Buffer.from(hex, 'hex')), text, name);
    t.equal(Buffer.from(pathBytes(text)).toString('hex'), hex, `${name}, back`);
  }
  // A walk over many sequences, always the same one.
  let seed = 1;
  const next = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  const pieces = ['61', 'ff', 'c3', 'a4', 'c3a4', 'e2', '82', 'ac', 'e282ac', 'f0', '9f', '9880', 'f09f9880', 'efbfbd', 'ed', 'a080'];
  for (let i = 0; i < 3000; i++) {
    const hex = Array.from({ length: next(9) }, () => pieces[next(pieces.length)]).join('');
    const back = Buffer.from(pathBytes(pathString(Buffer.from(hex, 'hex')))).toString('hex');
    if (back !== hex) t.equal(back, hex);
  }
});

t.test('results and errno', async (t) => {
  t.equal(sys(SYS.getpid), process.pid);
  t.equal(rawSyscall(SYS.close, -1), -ERRNO.EBADF);
  t.equal(rawSyscall(9999), -ERRNO.ENOSYS);
  // Nothing that Node does in between may be taken for ours.
  for (let i = 0; i < 200; i++) {
    existsSync('/nowhere');
    t.equal(rawSyscall(SYS.openat, -100, 0, 0), -ERRNO.EFAULT);
    if (i > 2) break;
  }
  t.equal(rawSyscall(SYS.getpriority, 0, 0), 20 - Number(readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ')[16]), 'results near zero are results');
  t.equal(await poolSyscall(SYS.close, -1), -ERRNO.EBADF);
  t.equal(await poolSyscall(SYS.getpid), process.pid);
  t.throws(() => sys(SYS.openat, -100, 0x5000, 0x80000), {
    name: 'SyscallFailed',
    errno: ERRNO.EFAULT,
    errnoName: 'EFAULT',
    message: 'openat(-100, 0x5000, 0x80000, 0, 0, 0) = EFAULT',
  });
  t.equal(describeCall(SYS.close, [3]), 'close(3)');
  t.equal(describeCall(SYS.mmap, [4095, 4096, 0x7fff_0000_0000n, -1]), 'mmap(4095, 0x1000, 0x7fff00000000, -1)');
  t.equal(new SyscallFailed('x()', 99999).message.startsWith('x() = '), true);
});

t.test('memory: addresses are what the kernel sees', async (t) => {
  const memory = new Memory(64);
  t.equal(memory.size, 64);
  t.equal(addressOf(memory.bytes.subarray(8)), memory.address + 8);
  memory.view.setUint32(0, 0x1234_5678, true);
  t.equal(new DataView(viewAt(memory.address, 4)).getUint32(0, true), 0x1234_5678, 'no copy');
  const other = new Memory(64);
  t.equal(processVmRead(process.pid, memory.address, other.address, 4), 4);
  t.equal(other.view.getUint32(0, true), 0x1234_5678);
  other.bytes.fill(7);
  t.equal(processVmWrite(process.pid, memory.address, other.address, 64), 64);
  t.same(memory.bytes, other.bytes);
  t.equal(processVmRead(process.pid, 8, other.address, 4), -ERRNO.EFAULT);
  t.equal(memory.putString('ab', 3), memory.address + 3);
  t.same([...memory.bytes.subarray(2, 7)], [7, 0x61, 0x62, 0, 7]);
  t.equal(memory.putString('x'.repeat(63)), memory.address);
  t.throws(() => memory.putString('x'.repeat(64)), RangeError);
  t.throws(() => memory.putString('ä'.repeat(32)), RangeError, 'bytes count, not characters');
});

t.test('descriptors close when they are disposed of, once', async (t) => {
  const isOpen = (fd: number): boolean => existsSync(`/proc/self/fd/${fd}`);
  let number: number;
  {
    using fd = memfd('x');
    number = fd.number;
    t.ok(isOpen(number));
    t.match(readLink(`/proc/self/fd/${number}`), /^\/memfd:x/);
    t.match(readFileSync(`/proc/self/fdinfo/${number}`, 'latin1'), /flags:\s+0?2\d*2/, 'close-on-exec');
  }
  t.notOk(isOpen(number));
  const closed = new OwnedFd(number);
  closed[Symbol.dispose]();
  t.throws(() => closed.number, /closed/);
  t.doesNotThrow(() => closed[Symbol.dispose]());
  const kept = memfd('y');
  const released = kept.release();
  kept[Symbol.dispose]();
  t.ok(isOpen(released), 'who took it over closes it');
  new OwnedFd(released)[Symbol.dispose]();
});

t.test('files', async (t) => {
  using file = memfd('data');
  const memory = new Memory(100_000);
  memory.bytes.forEach((_, i) => (memory.bytes[i] = i & 0xff));
  pwriteFully(file, memory.address, memory.size, 10);
  const back = new Memory(200_000);
  t.equal(preadFully(file, back.address, back.size, 10), 100_000, 'to the end');
  t.same(back.bytes.subarray(0, 100_000), memory.bytes);
  using directory = open('/proc/self', O.RDONLY | O.DIRECTORY);
  using status = openAt(directory, 'status', O.RDONLY);
  t.ok(preadFully(status, back.address, 64, 0) > 0);
  t.throws(() => open('/nowhere', O.RDONLY), { name: 'SyscallFailed', errnoName: 'ENOENT' });
  t.equal(tryIoctl(status, 0x5401), -ERRNO.ENOTTY);
  t.equal(readLink('/proc/self/exe'), readlinkSync('/proc/self/exe'));
});

t.test('children of our own', async (t) => {
  const end = (pid: number): number | undefined => {
    const waited = wait4(pid, WAIT.ALL);
    return waited !== undefined && 'status' in waited ? waited.status : undefined;
  };
  t.equal(end(spawn('/bin/sh', ['sh', '-c', 'exit 7'], [])), 7 << 8);
  t.equal(end(spawn('/bin/sh', ['sh', '-c', 'test "$A" = "b c" && test "$#" = 2 && test -z "$PATH_"', 'x', '1', '2'], ['A=b c'])), 0, 'arguments and environment');
  const many = Array.from({ length: 500 }, (_, i) => `v${i}`);
  t.equal(end(spawn('/bin/sh', ['sh', '-c', 'test "$#" = 500 && test "${500}" = v499', 'x', ...many], many.map((name) => `${name}=1`))), 0, 'many of them');
  t.throws(() => spawn('/nowhere', ['x'], []), { name: 'SyscallFailed', errnoName: 'ENOENT', message: 'posix_spawn("/nowhere") = ENOENT' });
  t.throws(() => spawn('/bin/true', ['x'.repeat(70_000)], []), RangeError);

  const pid = spawn('/bin/sleep', ['sleep', '60'], []);
  t.equal(wait4(pid, WAIT.ALL | 1), undefined, 'it lives');
  using pidfd = pidfdOpen(pid);
  t.ok(pidfd.number >= 0);
  t.equal(tgkill(pid, pid, 0), 0);
  t.equal(kill(pid, 9), 0);
  t.equal(end(pid), 9);
  t.same(wait4(pid, WAIT.ALL), { errno: ERRNO.ECHILD });
  t.equal(kill(pid, 0), -ERRNO.ESRCH);
});

t.test('affinity', async (t) => {
  const mask = getAffinity(0);
  const one = mask.map((byte, i) => (i === mask.findIndex((b) => b !== 0) ? byte & -byte : 0));
  t.equal(setAffinity(0, one), 0);
  t.same(getAffinity(0), one);
  t.equal(setAffinity(0, mask), 0);
  t.same(getAffinity(0), mask);
  t.equal(setAffinity(0, new Uint8Array(mask.length)), -ERRNO.EINVAL);
});

t.test('functions of the C library', async (t) => {
  t.equal(libcFunction('int abs(int x)')(-5), 5);
});
