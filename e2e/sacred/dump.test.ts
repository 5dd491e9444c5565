import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { skipReason } from '../harness/requirements.js';
import { toolUnderTest } from '../harness/tool.js';
import { describeRun, Workspace } from '../harness/workspace.js';
import { faultEnv, stagesOfDump, struck } from './stages.js';
import { untouched } from './untouched.js';

// The dumped is sacred: whatever becomes of the dump, the program runs on as if nothing had been.
t.setTimeout(420_000);
const skip = skipReason();
const noFaultPoints = (): string | false => (toolUnderTest().isPeer ? 'CRIU has no fault points of this kind' : false);

for (const action of ['kill', 'throw'] as const) {
  t.test(`dump: ${action} at the end of each stage`, { skip: skip || noFaultPoints() }, async (t) => {
    const tool = toolUnderTest();
    await using ws = new Workspace();
    const victim = await ws.start('busy');
    const before = takeSnapshot(victim.pid);
    const stages = await stagesOfDump(t, ws, tool, victim, ws.folder('stages'));
    t.ok(stages.length >= 5, `stages: ${stages.join(' ')}`);
    t.ok(await untouched(t, victim, before), 'untouched by a dump that succeeds');
    for (const stage of stages) {
      // From the release on, a dump without --leave-running has killed the program, as it was told to.
      const args = stages.indexOf(stage) >= stages.indexOf('release') ? ['--leave-running'] : [];
      const run = await ws.dump(tool, victim.pid, ws.folder(`${action}-${stage}`), args, { env: faultEnv(action, stage) });
      struck(t, run, action);
      if (!(await untouched(t, victim, before))) return void t.fail(`${action} at the end of ${stage} harms the program`, { run: describeRun(run) });
    }
    for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  });
}

t.test('dump: killed at random moments', { skip }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace();
  const victim = await ws.start('busy', ['8']);
  const before = takeSnapshot(victim.pid);
  const whole = await ws.dump(tool, victim.pid, ws.folder('whole'), ['--leave-running']);
  t.equal(whole.code, 0, 'a whole dump');
  for (let i = 0; i < 30; i++) {
    const delay = Math.random() * whole.ms * 1.1;
    const kill = async (pid: number): Promise<void> => {
      await sleep(delay);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it was faster
      }
    };
    const run = await ws.dump(tool, victim.pid, ws.folder(`random-${i}`), ['--leave-running'], { meanwhile: kill });
    if (!(await untouched(t, victim, before))) return void t.fail(`killed after ${delay.toFixed(1)} ms`, { run: describeRun(run) });
  }
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});

const fullDisks = [
  { title: 'no room for anything', mount: 'size=4k,nr_inodes=3' },
  { title: 'room for the small images only', mount: 'size=200k' },
  { title: 'room for a part of the pages', mount: 'size=5m' },
  { title: 'a directory that is read-only', mount: 'ro' },
];
for (const { title, mount } of fullDisks) {
  t.test(`dump: ${title}`, { skip }, async (t) => {
    const tool = toolUnderTest();
    await using ws = new Workspace({ privateMounts: true });
    const victim = await ws.start('busy', ['16']);
    const images = ws.folder('full');
    await ws.shell(`mount -t tmpfs -o ${mount} none '${images}'`);
    const before = takeSnapshot(victim.pid);
    const run = await ws.run(tool, ['dump', '-t', String(victim.pid), '-D', images, '-v4']);
    t.equal(run.code, 1, 'the dump fails');
    t.match(run.output, /ENOSPC|[Nn]o space|EROFS|[Rr]ead-only/, 'and says why');
    await untouched(t, victim, before);
    for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  });
}
