import { readdirSync } from 'node:fs';
import t from 'tap';
import { changesByRestore } from '../harness/proc-compare.js';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { skipReason } from '../harness/requirements.js';
import { differencesFrom, succeeded, unchanged } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { describeRun, Workspace } from '../harness/workspace.js';

// What can't be done is refused by its name, before anything is written, and the program runs on untouched. What is not
// refused must come back whole. Never is anything lost in silence.

/** Kinds of `programs/odd.c`, and by which of its words a refusal names the thing. */
const kinds: Readonly<Record<string, RegExp>> = {
  'unix-pair': /unix|socket:\[/i,
  'unix-elsewhere': /names in other directories/,
  'unix-listen': /unix|socket:\[/i,
  'tcp-established': /tcp|socket:\[/i,
  inotify: /inotify/,
  pidfd: /pidfd/,
  pty: /ptmx|pts|tty/,
  'sysv-shm': /SYSV|SysV/i,
  io_uring: /io_uring/,
  userfaultfd: /userfaultfd/,
  memfd_secret: /secretmem/,
  perf: /perf_event/,
  netlink: /netlink|socket:\[/i,
  packet: /packet|socket:\[/i,
  raw: /raw|socket:\[/i,
  mqueue: /message queue/,
  hugetlb: /huge/i,
  seccomp: /seccomp/i,
  flock: /lock/,
  'posix-lock': /lock/,
  lease: /lease|lock/i,
  'fd-owner': /owner|SIGIO|F_SETOWN|async/i,
  'packet-pipe': /packet|O_DIRECT/i,
  fifo: /fifo/i,
  'gone-cwd': /gone/,
  'gone-directory': /gone/,
  'linked-elsewhere': /one-name|link/i,
  'net-namespace': /namespace|\bnet\b/,
  'uts-namespace': /namespace|\buts\b/,
  'ipc-namespace': /namespace|\bipc\b/,
  'mnt-namespace': /namespace|\bmnt\b/,
  'pid-namespace': /namespace|\bpid\b/,
  'user-namespace': /namespace|\buser\b/,
  'shared-files': /descriptor|files|share/i,
  'shared-memory-process': /memory|share|\bvm\b/i,
  'shared-cwd': /fs|cwd|directory|share/i,
  'thread-credentials': /credential|uid|gid/i,
  'thread-files': /descriptor|files|share/i,
  'thread-cwd': /fs|cwd|directory|share/i,
  zombie: /zombie|dead/i,
  stopped: /stopped/,
  traced: /traced|tracer|ptrace/i,
  'namespace-fd': /net:\[|namespace/i,
  'proc-file': /proc/,
  'proc-cwd': /\/proc\/\d+\/task\/\d+, about a part of the tree itself/,
  'proc-queue': /\/proc\/\d+\/fdinfo\/0, about a part of the tree itself/,
  ldt: /local descriptor table/,
  'io-ports': /I\/O ports/,
  'process-keyring': /keyring of the process/,
  'thread-keyring': /keyring of thread/,
  'user-dispatch': /dispatch/,
  mdwe: /written|execute/,
};

t.setTimeout(420_000);
const skip = skipReason();

for (const [kind, named] of Object.entries(kinds)) {
  t.test(`odd ${kind}`, { skip }, async (t) => {
    const tool = toolUnderTest();
    if (tool.isPeer) {
      t.pass('not here', { skip: 'CRIU loses some of these in silence' });
      return;
    }
    await using ws = new Workspace();
    const victim = await ws.start('odd', [kind]);
    if (victim.skipped !== '') {
      t.pass('not here', { skip: victim.skipped });
      return;
    }
    const before = takeSnapshot(victim.pid);
    const images = ws.folder('images');
    const run = await ws.dump(tool, victim.pid, images);
    if (run.code === 0) {
      await waitFor('the dumped process to be gone', () => !victim.lives);
      if (!succeeded(t, await ws.restore(tool, images), 'dumped, so it must be restored')) return;
      unchanged(t, await differencesFrom(before, victim.pid, changesByRestore), '/proc says the same as before');
    } else {
      t.equal(run.code, 1, 'refused', { run: describeRun(run) });
      t.match(run.output, named, 'by its name');
      t.same(readdirSync(images).filter((file) => file !== 'dump.log'), [], 'nothing was written');
      unchanged(t, await differencesFrom(before, victim.pid), 'it runs on untouched');
    }
    for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  });
}
