import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { cgroupSkip, TestCgroup } from '../harness/cgroups.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import { stateOf } from '../harness/shepherd.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';

t.setTimeout(420_000);
const skip = skipReason();
const tool = toolUnderTest();

const freezers = [
  { version: 'v1', controller: 'freezer', file: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' },
  { version: 'v2', controller: '', file: 'cgroup.freeze', frozen: '1', thawed: '0' },
] as const;

for (const { version, controller, file, frozen, thawed } of freezers) {
  const reason = skip || cgroupSkip(controller) || (tool.isPeer ? 'a test of ours' : false);
  for (const found of [thawed, frozen]) {
    t.test(`${version}: --freeze-cgroup of a cgroup that is ${found === frozen ? 'frozen' : 'not frozen'}`, { skip: reason }, async (t) => {
      await using group = new TestCgroup(controller, `/criu-ts-e2e-freezer-${process.pid}-${found}`);
      await using ws = new Workspace();
      group.make();
      const victim = await ws.start('counter');
      const bystander = await ws.start('counter');
      // Undone before the processes are killed: what is frozen in v1 does not die.
      await using _thaw = { [Symbol.asyncDispose]: async () => group.write(file, thawed) };
      for (const { pid } of [victim, bystander]) group.write('cgroup.procs', String(pid));
      group.write(file, found);
      await waitFor('the freezer', () => group.read(file) === found, 30_000);

      const options = [`--freeze-cgroup=${group.directory}`];
      if (!succeeded(t, await ws.dump(tool, victim.pid, ws.folder('running'), ['--leave-running', ...options]), 'dumped by --leave-running')) return;
      // What was frozen freezes as soon as it is let go.
      await waitFor('the same state as before', () => group.read(file) === found, 30_000);
      t.pass('the freezer is as it was');
      const images = ws.folder('images');
      if (!succeeded(t, await ws.dump(tool, victim.pid, images, options), 'dumped')) return;
      await waitFor('the dumped process to be gone', () => !victim.lives, 30_000);
      t.ok(bystander.lives, 'who is not of the tree lives');
      group.write(file, thawed);
      if (!succeeded(t, await ws.restore(tool, images, ['--manage-cgroups=full']), 'restored')) return;
      await waitFor('the state at the dump', () => group.read(file) === found, 30_000);
      t.pass('it is frozen again where it was');
      group.write(file, thawed);
      for (const one of [victim, bystander]) for (const { ok, text } of await one.verify()) t.ok(ok, text);
    });
  }
}

for (const { version, controller, file, frozen, thawed } of freezers) {
  t.test(`${version}: a parent in vfork(2) in a frozen cgroup`, { skip: skip || cgroupSkip(controller) || (tool.isPeer ? 'a test of ours' : false) }, async (t) => {
    await using group = new TestCgroup(controller, `/criu-ts-e2e-freezer-${process.pid}-vfork`);
    await using ws = new Workspace();
    group.make();
    const victim = await ws.start('removed', ['vforks']);
    await using _thaw = { [Symbol.asyncDispose]: async () => group.write(file, thawed) };
    const children = (): string => readFileSync(`/proc/${victim.pid}/task/${victim.pid}/children`, 'latin1').trim();
    const options = [`--freeze-cgroup=${group.directory}`];
    for (let round = 0; round < 2; round++) {
      await waitFor('parent and child to be frozen together', async () => {
        // A child lives for 300 ms only: in the cgroup by birth, or too late.
        group.write('cgroup.procs', String(victim.pid));
        await waitFor('the next child', () => group.read('cgroup.procs').split('\n').length > 1, 30_000);
        group.write(file, frozen);
        // v1 stays FREEZING: nothing but the child wakes the parent.
        await waitFor('the freezer', () => group.read(file) !== thawed, 30_000);
        await sleep(50);
        if (children() !== '' && stateOf(victim.pid) === 'D') return true;
        group.write(file, thawed);
        return false;
      });
      const run = await ws.dump(tool, victim.pid, ws.folder(`running-${round}`), ['--leave-running', ...options]);
      if (!succeeded(t, run, 'dumped')) return;
      t.ok(run.ms < 9_000, `within ${Math.round(run.ms)} ms`);
      group.write(file, thawed);
    }
    for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  });
}

t.test('--freeze-cgroup of what has no freezer', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await ws.start('counter');
  const run = await ws.dump(tool, victim.pid, ws.folder('images'), [`--freeze-cgroup=${ws.dir}`]);
  t.equal(run.code, 1);
  if (!tool.isPeer) t.match(run.output, /there is no freezer in/);
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});
