// Batches run by real puppets.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import t from 'tap';
import { CLONE, ERRNO, MAP, PROT, SIG, SYS, WAIT } from '@criu-ts/kernel/abi';
import { kill, SyscallFailed, wait4 } from '@criu-ts/kernel/sys';
import { type Batch, BatchFailed, Ref } from './batch.js';
import { BLOB } from './blob.js';
import type { Puppet } from './puppet.js';
import { plantSeed } from './seed.js';
import { until, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims();
const BLOB_AT = 0x100_0000_0000;
const THREAD = CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD | CLONE.SYSVSEM;

/** A puppet, ended with all that it bore. */
class Stage implements Disposable {
  readonly seed = plantSeed(BLOB_AT);
  readonly puppets: Puppet[] = [];

  [Symbol.dispose](): void {
    for (const { tracee } of [...this.puppets].reverse().concat(this.seed)) {
      kill(tracee.pid, SIG.KILL);
      wait4(tracee.tid, WAIT.ALL);
    }
  }
}

t.test('results, references, strings', { skip }, (t) => {
  using stage = new Stage();
  const { seed } = stage;
  const pid = seed.tracee.pid;
  t.equal(seed.call(SYS.getpid), pid);
  t.equal(seed.attempt(SYS.close, -1), -ERRNO.EBADF);
  seed.batch((b) => {
    const fd = b.call(SYS.openat, -100, b.string('/proc/self/status'), 0);
    const copy = b.call(SYS.dup2, fd, 50);
    const beyond = b.call(SYS.dup2, fd, fd.plus(20));
    b.expect(51, SYS.fcntl, copy, 0 /* F_DUPFD */, copy);
    b.run();
    t.equal(b.result(copy), 50);
    t.equal(b.result(beyond), b.result(fd) + 20);
    t.equal(b.result(fd.plus(7)), b.result(fd) + 7);
    // References to calls that have run are put in at once.
    b.call(SYS.close, fd);
  });
  t.end();
});

t.test('10,000 calls, and more data than fits', { skip }, (t) => {
  using stage = new Stage();
  const seen: number[] = [];
  stage.seed.batch((b) => {
    const first = b.call(SYS.getpid);
    let last: Ref = first;
    for (let i = 0; i < 10_000; i++) last = b.expect(stage.seed.tracee.pid, SYS.getpid);
    b.run();
    seen.push(b.result(first), b.result(last), last.index);
  });
  t.same(seen, [stage.seed.tracee.pid, stage.seed.tracee.pid, 10_000]);

  // Names of growing length, each set and asked for again: overflows of calls and of data in all orders.
  stage.seed.batch((b) => {
    const fds: Ref[] = [];
    for (let i = 0; i < 3000; i++) {
      const name = `${i}-`.padEnd(8 + (i % 230), 'x');
      const fd = b.call(SYS.memfd_create, b.string(name), 0);
      if (i % 500 === 499) fds.push(fd);
      else b.call(SYS.close, fd);
    }
    b.run();
    const names = fds.map((fd) => readFileSync(`/proc/${stage.seed.tracee.pid}/fdinfo/${b.result(fd)}`, 'latin1') !== '');
    t.equal(names.length, 6);
  });
  // Each string arrives whole: openat of paths that only exist when the bytes are right.
  stage.seed.batch((b) => {
    for (let i = 0; i < 2100; i++) {
      const dots = '/.'.repeat((i * 7) % 1500);
      const fd = b.doing(`open ${i}`).call(SYS.openat, -100, b.string(`/proc${dots}/self/status`), 0);
      b.expect(0, SYS.close, fd);
    }
  });
  t.throws(() => stage.seed.batch((b) => b.bytes(new Uint8Array(BLOB.dataSize + 1))), RangeError);
  t.end();
});

t.test('the first surprise ends it: the error names the call, what for, and why', { skip }, (t) => {
  using stage = new Stage();
  const run = (build: (b: Batch) => void): unknown => {
    try {
      stage.seed.batch(build);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  for (const before of [0, 5, 1023, 1024, 3000]) {
    let after: Ref | undefined;
    let batch: Batch | undefined;
    const error = run((b) => {
      batch = b;
      for (let i = 0; i < before; i++) b.call(SYS.getpid);
      b.doing('close what is not there').call(SYS.close, 99);
      after = b.doing('end').call(SYS.exit_group, 1);
    });
    t.type(error, BatchFailed);
    t.match(error, { message: /^close\(99, .*\) = EBADF$/, errno: ERRNO.EBADF, errnoName: 'EBADF', doing: 'close what is not there' }, `after ${before} calls`);
    const { index } = after ?? { index: before + 1 };
    t.throws(() => batch?.result(new Ref(index)), /has not run/, 'what lies behind did not run');
    t.doesNotThrow(() => batch?.run(), 'and never will');
  }
  t.match(run((b) => b.doing('get an id').expect(1, SYS.getpid)), { message: new RegExp(`^getpid\\(.*\\) gave ${stage.seed.tracee.pid} instead of 1$`), doing: 'get an id' });
  t.equal(stage.seed.call(SYS.getpid), stage.seed.tracee.pid, 'the puppet is as good as before');
  t.end();
});

/** Born with an id that nobody had: threads, groups and sessions have ids as well, and others take them meanwhile. */
function bornWithOwnId(make: (id: number) => Puppet): { readonly id: number; readonly puppet: Puppet } {
  for (let id = 30_000; ; id -= 7) {
    try {
      return { id, puppet: make(id) };
    } catch (error) {
      if (!(error instanceof SyscallFailed && error.errno === ERRNO.EEXIST) || id < 1000) throw error;
    }
  }
}

t.test('births with ids of our choice', { skip }, (t) => {
  using stage = new Stage();
  const { id: pid, puppet: child } = bornWithOwnId((id) => stage.seed.clone({ flags: CLONE.PARENT, exitSignal: 0, setTid: [id] }));
  stage.puppets.push(child);
  t.match(child.tracee, { pid, tid: pid });
  t.equal(child.call(SYS.getpid), pid);
  const { id: tid, puppet: thread } = bornWithOwnId((id) => child.clone({ flags: THREAD, exitSignal: 0, setTid: [id] }));
  stage.puppets.push(thread);
  t.match(thread.tracee, { pid, tid });
  t.equal(thread.call(SYS.gettid), tid);
  t.equal(thread.call(SYS.getpid), pid);
  t.throws(() => stage.seed.clone({ flags: CLONE.PARENT, exitSignal: 0, setTid: [pid] }), { name: 'SyscallFailed', errno: ERRNO.EEXIST, doing: 'clone a process' });
  t.throws(() => child.clone({ flags: THREAD, exitSignal: 0, setTid: [2 ** 30] }), { name: 'SyscallFailed', errno: ERRNO.EINVAL, doing: 'clone a thread' });
  t.equal(child.tracee.getSigmask(), 0xffff_ffff_ffff_ffefn & ~(1n << 8n) & ~(1n << 18n), 'all signals but SIGTRAP wait');
  t.end();
});

t.test('a seed that can not become a puppet is gone', { skip }, (t) => {
  const children = (): string => readFileSync('/proc/thread-self/children', 'latin1');
  const before = children();
  // The seed itself lies there.
  t.throws(() => plantSeed(0x40_0000), { name: 'SyscallFailed', errnoName: 'EEXIST' });
  t.throws(() => plantSeed(0x1001), { name: 'SyscallFailed', errnoName: 'EINVAL' });
  t.equal(children(), before);
  t.end();
});

t.test('a puppet that is killed is told of', { skip }, (t) => {
  using stage = new Stage();
  const child = stage.seed.clone({ flags: CLONE.PARENT, exitSignal: 0, setTid: [] });
  const thread = child.clone({ flags: THREAD, exitSignal: 0, setTid: [] });
  stage.puppets.push(child, thread);
  t.throws(() => child.call(SYS.kill, child.tracee.pid, SIG.KILL), { name: 'TraceeDied' });
  t.throws(() => child.call(SYS.getpid), { name: 'TraceeDied' });
  t.throws(() => thread.call(SYS.getpid), { name: 'TraceeDied' });
  t.end();
});

t.test('puppets die with us, wherever we are killed', { skip }, async (t) => {
  const program = fileURLToPath(new URL('grower.mjs', import.meta.url));
  await build({ entryPoints: ['packages/tracee/src/testing/grower.ts'], outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20', conditions: ['@criu-ts/source'], external: ['koffi'] });
  for (let round = 0; round < 5; round++) {
    const grower = spawn(process.execPath, [program], { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'inherit'] });
    const text = await new Promise<string>((resolve) => grower.stdout.once('data', (data) => setTimeout(() => resolve(String(data)), Math.random() * 20)));
    const ended = new Promise((resolve) => grower.once('exit', resolve));
    grower.kill('SIGKILL');
    await ended;
    const pids = text.trim().split('\n').map(Number);
    t.ok(pids.length >= 3);
    const alive = (): number[] => pids.filter((pid) => {
      try {
        return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
      } catch {
        return false;
      }
    });
    await until(() => alive().length === 0, () => `${alive().join()} live on`);
  }
});

t.test('memory that a batch maps is there', { skip }, (t) => {
  using stage = new Stage();
  const at = 0x200_0000_0000;
  stage.seed.batch((b) => {
    b.expect(at, SYS.mmap, at, 4096, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED_NOREPLACE, -1, 0);
    const name = b.struct(16);
    name.view.setBigUint64(0, 0x1122_3344_5566_7788n, true);
    b.call(SYS.prctl, 15 /* PR_SET_NAME */, name.address);
    b.call(SYS.prctl, 16 /* PR_GET_NAME */, at);
  });
  t.equal(Buffer.from(stage.seed.tracee.read(at, 8)).toString('hex'), '8877665544332211');
  t.end();
});
