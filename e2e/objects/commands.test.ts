import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { changesByRestore } from '../harness/proc-compare.js';
import { skipReason } from '../harness/requirements.js';
import { differencesFrom, succeeded, unchanged } from '../harness/round-trip.js';
import { stateOf } from '../harness/shepherd.js';
import { toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';

// The command line as people use it: what happens to the program, which files appear where, how it exits.
t.setTimeout(420_000);
const skip = skipReason();

/** SIGSTOP takes hold when the process runs for the first time after its tracer has let it go. */
const stops = (victim: Victim): Promise<unknown> => waitFor('it to be stopped', () => stateOf(victim.pid) === 'T', 30_000);

t.test('dump --leave-stopped, then SIGCONT', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await ws.start('counter');
  const before = takeSnapshot(victim.pid);
  if (!succeeded(t, await ws.dump(toolUnderTest(), victim.pid, ws.folder('images'), ['--leave-stopped']), 'dumped')) return;
  await stops(victim);
  const then = victim.lines().length;
  await sleep(250);
  t.equal(victim.lines().length, then, 'really');
  process.kill(victim.pid, 'SIGCONT');
  await waitFor('it to go on', () => victim.lines().length > then);
  unchanged(t, await differencesFrom(before, victim.pid, [{ field: /^fdinfo\/[12]\/pos$/, because: 'it writes on' }]), 'and nothing else was changed');
});

t.test('restore --leave-stopped, then SIGCONT', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await ws.start('counter');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(toolUnderTest(), victim.pid, images), 'dumped')) return;
  await waitFor('it to be gone', () => !victim.lives);
  const then = victim.lines().length;
  if (!succeeded(t, await ws.restore(toolUnderTest(), images, ['--leave-stopped']), 'restored')) return;
  t.equal(stateOf(victim.pid), 'T', 'it is stopped');
  await sleep(250);
  t.equal(victim.lines().length, then, 'really');
  process.kill(victim.pid, 'SIGCONT');
  await waitFor('it to go on', () => victim.lines().length > then);
});

t.test('restore without -d waits for the program', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  await waitFor('it to be gone', () => !victim.lives);
  let waited = false;
  const run = await ws.run(tool, ['restore', '-D', images, '-o', 'restore.log'], {
    meanwhile: async (pid) => {
      await waitFor('it to live', () => victim.lives);
      await victim.line(/^\d+$/);
      await sleep(300);
      waited = stateOf(pid) !== undefined && stateOf(pid) !== 'Z';
      await victim.verify();
    },
  });
  t.ok(waited, 'it waits while the program runs');
  t.equal(run.code, 0, 'and ends as the program ends');
});

t.test('files: relative -D, -W, -o, --pidfile', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  for (const name of ['rel-images', 'rel-work']) mkdirSync(path.join(ws.dir, name));
  const where = ['-D', 'rel-images', '-W', 'rel-work', '-v4'];
  if (!succeeded(t, await ws.run(tool, ['dump', '--tree', String(victim.pid), ...where, '--log-file', 'd.log']), 'dumped')) return;
  t.ok(readdirSync(path.join(ws.dir, 'rel-images')).includes('inventory.img'), 'images are in -D');
  const byProducts = readdirSync(path.join(ws.dir, 'rel-work')).sort();
  t.same(byProducts, ['d.log', 'stats-dump'], 'the log and the statistics are in -W');
  await waitFor('it to be gone', () => !victim.lives);
  const before = victim.lines().length;
  if (!succeeded(t, await ws.run(tool, ['restore', ...where, '-o', 'r.log', '-d', '--pidfile', 'pid']), 'restored')) return;
  t.equal(Number(readFileSync(path.join(ws.dir, 'rel-work/pid'), 'latin1')), victim.pid, 'the pidfile holds its pid');
  await waitFor('it to count on', () => victim.lines().length > before);
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});

t.test('what fails exits with 1', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const cases: Readonly<Record<string, readonly string[]>> = {
    'dump of no process': ['dump', '-t', '4194305', '-D', ws.folder('a')],
    'dump into no directory': ['dump', '-t', '1', '-D', path.join(ws.dir, 'missing')],
    'dump without a process': ['dump', '-D', ws.folder('b')],
    'restore of nothing': ['restore', '-D', ws.folder('c'), '-d'],
    'an unknown command': ['dumb'],
    'an unknown option': ['dump', '-t', '1', '--no-such-option'],
  };
  for (const [title, args] of Object.entries(cases)) {
    const run = await ws.run(tool, args);
    t.equal(run.code, 1, title, { output: run.output });
    t.ok(run.output.trim() !== '', 'and says why');
  }
});

t.test('a program stopped by SIGSTOP is left as it is by a refused or running dump', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  process.kill(victim.pid, 'SIGSTOP');
  await waitFor('it to stop', () => victim.stopped);
  const before = takeSnapshot(victim.pid);
  const images = ws.folder('images');
  const run = await ws.dump(tool, victim.pid, images, ['--leave-running']);
  t.ok(run.code === 0 || /stopped/.test(run.output), 'dumped, or refused by name');
  await stops(victim);
  unchanged(t, await differencesFrom(before, victim.pid), 'nothing was changed');
  if (run.code === 0) {
    succeeded(t, await ws.dump(tool, victim.pid, ws.folder('again')), 'dumped');
    await waitFor('it to be gone', () => !victim.lives);
    if (!succeeded(t, await ws.restore(tool, path.join(ws.dir, 'again')), 'restored')) return;
    await stops(victim);
    unchanged(t, await differencesFrom(before, victim.pid, changesByRestore), 'the same as before');
  }
  process.kill(victim.pid, 'SIGCONT');
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});
