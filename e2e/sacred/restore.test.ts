import { copyFileSync, openSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync, closeSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded, type Assertions } from '../harness/round-trip.js';
import { descendantsOf } from '../harness/shepherd.js';
import { toolUnderTest, type Tool } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { describeRun, Workspace } from '../harness/workspace.js';
import { exists, nothingLeft } from './nothing-left.js';
import { faultEnv, stagesOf, struck } from './stages.js';
import { untouched } from './untouched.js';

// A restore that fails leaves no process behind.
t.setTimeout(420_000);
const skip = skipReason();

interface Dumped {
  readonly victim: Victim;
  readonly images: string;
  /** The pids that the images claim. */
  readonly pids: readonly number[];
}

async function dumped(t: Assertions, ws: Workspace, tool: Tool): Promise<Dumped | undefined> {
  const victim = await ws.start('busy');
  const pids = [victim.pid, ...descendantsOf(victim.pid)];
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return undefined;
  await waitFor('the dumped tree to be gone', () => pids.every((pid) => !exists(pid)), 30_000);
  return { victim, images, pids };
}

for (const action of ['kill', 'throw'] as const) {
  t.test(`restore: ${action} at the end of each stage`, { skip }, async (t) => {
    const tool = toolUnderTest();
    if (tool.isPeer) {
      t.pass('not here', { skip: 'CRIU has no fault points of this kind' });
      return;
    }
    await using ws = new Workspace();
    const it = await dumped(t, ws, tool);
    if (it === undefined) return;
    const probe = await ws.restore(tool, it.images, ['--log-json']);
    if (!succeeded(t, probe, 'a restore to learn the stages')) return;
    const stages = stagesOf(probe.log);
    t.ok(stages.length >= 4, `stages: ${stages.join(' ')}`);
    const again = ws.folder('again');
    if (!succeeded(t, await ws.dump(tool, it.victim.pid, again), 'dumped again')) return;
    // At the end of the last stage nothing is left to fail: the tree runs.
    for (const stage of stages.slice(0, -1)) {
      const run = await ws.restore(tool, again, [], { env: faultEnv(action, stage) });
      struck(t, run, action);
      if (!(await nothingLeft(t, ws, it))) t.fail(`${action} at the end of ${stage} leaves processes`, { run: describeRun(run) });
    }
    if (!succeeded(t, await ws.restore(tool, again), 'and the images are good for a restore')) return;
    for (const { ok, text } of await it.victim.verify()) t.ok(ok, text);
  });
}

t.test('restore: killed at random moments', { skip }, async (t) => {
  const tool = toolUnderTest();
  if (tool.isPeer) {
    t.pass('not here', { skip: 'CRIU leaves processes behind when it is killed' });
    return;
  }
  await using ws = new Workspace();
  const it = await dumped(t, ws, tool);
  if (it === undefined) return;
  let whole = 0;
  for (let i = 0; i < 20; i++) {
    const delay = Math.random() * 150;
    const run = await ws.restore(tool, it.images, [], {
      meanwhile: async (pid) => {
        await sleep(delay);
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it was faster
        }
      },
    });
    // With us dead the kernel kills them one by one: who still exists may be dying, who writes on is not.
    const written = it.victim.lines().length;
    const settled = (): boolean => run.code === 0 || !it.pids.some(exists) || it.victim.lines().length > written + 1;
    await waitFor('all or nothing to be there', settled, 10_000).catch(() => undefined);
    if (it.pids.every(exists)) {
      // All of it is there: the restore was done. Then it must be sound.
      whole++;
      const before = takeSnapshot(it.victim.pid);
      if (!(await untouched(t, it.victim, before))) return;
      rmSync(it.images, { recursive: true });
      if (!succeeded(t, await ws.dump(tool, it.victim.pid, ws.folder('images')), 'dumped again')) return;
    } else if (!(await nothingLeft(t, ws, it))) return void t.fail(`killed after ${delay.toFixed(1)} ms`, { run: describeRun(run) });
  }
  t.comment(`${whole} of 20 were faster than their killer`);
});

const damages: readonly { readonly title: string; readonly harm: (images: string) => void }[] = [
  { title: 'half of the pages are missing', harm: (dir) => truncateSync(path.join(dir, 'pages-1.img'), statSync(path.join(dir, 'pages-1.img')).size >> 1) },
  { title: 'a core image is missing', harm: (dir) => rmSync(path.join(dir, one(dir, /^core-/))) },
  { title: 'a core image is cut', harm: (dir) => truncateSync(path.join(dir, one(dir, /^core-/)), 100) },
  { title: 'the inventory is missing', harm: (dir) => rmSync(path.join(dir, 'inventory.img')) },
  { title: 'a magic word is wrong', harm: (dir) => scribble(path.join(dir, 'pstree.img'), 4, Buffer.from([1, 2, 3, 4])) },
  { title: 'garbage in files.img', harm: (dir) => scribble(path.join(dir, 'files.img'), 12, Buffer.alloc(24, 0xff)) },
  { title: 'an empty directory', harm: (dir) => readdirSync(dir).forEach((file) => rmSync(path.join(dir, file))) },
];

function one(dir: string, pattern: RegExp): string {
  return readdirSync(dir).find((file) => pattern.test(file)) ?? 'none';
}

function scribble(file: string, at: number, bytes: Buffer): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

t.test('restore of damaged images', { skip }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace();
  const it = await dumped(t, ws, tool);
  if (it === undefined) return;
  for (const { title, harm } of damages) {
    const images = ws.folder(title.replaceAll(' ', '-'));
    for (const file of readdirSync(it.images)) copyFileSync(path.join(it.images, file), path.join(images, file));
    harm(images);
    const run = await ws.restore(tool, images);
    t.ok(run.code !== undefined && run.code !== 0, `${title}: the restore fails`, { run: describeRun(run) });
    await nothingLeft(t, ws, it);
  }
});

t.test('restore where a pid is taken: by the living original', { skip }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace();
  const victim = await ws.start('busy');
  const before = takeSnapshot(victim.pid);
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--leave-running']), 'dumped')) return;
  const flock = ws.shepherd.descendants();
  const run = await ws.restore(tool, images);
  t.ok(run.code !== undefined && run.code !== 0, 'the restore fails', { run: describeRun(run) });
  await untouched(t, victim, before);
  t.same(ws.shepherd.descendants(), flock, 'and nothing else was left');
  writeFileSync(path.join(victim.dir, 'noise'), '');
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});
