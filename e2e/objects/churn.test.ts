import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { roundTrip } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import { describeRun, Workspace } from '../harness/workspace.js';

// Programs that change all the while: whatever moment the freezer catches must be a consistent one.
t.setTimeout(420_000);
const skip = skipReason();

for (const kind of ['threads', 'forks', 'spawns', 'maps', 'signals']) {
  t.test(`churn ${kind}`, { skip }, async (t) => {
    const tool = toolUnderTest();
    await using ws = new Workspace();
    const victim = await ws.start('churn', [kind]);
    for (let i = 0; i < 8; i++) {
      const run = await ws.dump(tool, victim.pid, ws.folder(`running-${i}`), ['--leave-running']);
      // A child may be dead and not yet buried: that is refused by its name.
      const zombie = kind === 'forks' && run.code === 1 && /zombie|dead|ended/i.test(run.output + run.log);
      t.ok(run.code === 0 || zombie, `dump ${i}${zombie ? ' met a zombie' : ''}`, run.code === 0 || zombie ? {} : { run: describeRun(run) });
      t.ok(victim.lives && !victim.stopped, 'it lives, and is not stopped');
    }
    if (kind !== 'forks') {
      for (let i = 0; i < 3; i++) if (!(await roundTrip(t, ws, tool, victim, { compareProc: false }))) return;
    }
    for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  });
}
