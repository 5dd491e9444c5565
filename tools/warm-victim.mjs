// A process of the build's own, to be dumped and restored: what it has is what servers have, so that the code that deals with
// that gets into the code cache. usage: node tools/warm-victim.mjs DIRECTORY; a file `ready` in it says that all stands.
// Told to end by SIGKILL; its child ends with it.
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import koffi from 'koffi';

const [, , dir] = process.argv;
const libc = koffi.load('libc.so.6');
const call = (declaration, ...args) => {
  const result = libc.func(declaration)(...args);
  if (result === -1) throw new Error(`${declaration}: errno ${koffi.errno()}`);
  return result;
};

// include/uapi: AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, SOCK_DGRAM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, PR_SET_PDEATHSIG
const [UNIX, STREAM, DGRAM, READ_WRITE, SHARED, PDEATHSIG] = [1, 1 | 2048, 2, 3, 1 | 32, 1];
const pair = new Int32Array(2);
const shared = call('uint64_t mmap(uint64_t, ulong, int, int, int, int64_t)', 0, 64 * 1024, READ_WRITE, SHARED, -1, 0);
call('void *memset(uint64_t, int, ulong)', shared, 1, 8192);
call('int socketpair(int, int, int, void *)', UNIX, STREAM, 0, pair);
call('int socketpair(int, int, int, void *)', UNIX, DGRAM, 0, pair);
call('long write(int, str, ulong)', pair[0], 'a message', 9);
call('int pipe(void *)', pair);
call('long write(int, str, ulong)', pair[1], 'a word', 6);
call('int signalfd(int, void *, int)', -1, new BigUint64Array([1n << 11n]), 0);
call('int timerfd_create(int, int)', 1, 0);
call('int memfd_create(str, int)', 'warm', 0);
await new Promise((resolve) => net.createServer().listen(path.join(dir, 'socket'), resolve));
await new Promise((resolve) => net.createServer().listen(0, '127.0.0.1', resolve));
// A worker: it shares files and memory, and the loopback interface's sockets. It makes no call of Node's.
const fork = libc.func('int fork()');
const pause = libc.func('int pause()');
const prctl = libc.func('int prctl(int, int, int, int, int)');
if (fork() === 0) {
  prctl(PDEATHSIG, 9, 0, 0, 0);
  for (;;) pause();
}
writeFileSync(path.join(dir, 'ready'), '');
setInterval(() => {}, 1000);
