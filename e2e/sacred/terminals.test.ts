import t from 'tap';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { skipReason } from '../harness/requirements.js';
import { differencesFrom, succeeded, unchanged } from '../harness/round-trip.js';
import { descendantsOf } from '../harness/shepherd.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';
import { faultEnv, struck } from './stages.js';

// What waits in a terminal has to be taken out to be seen: whatever becomes of a dump, all of it is there again.
t.setTimeout(420_000);
const skip = skipReason() || (toolUnderTest().isPeer ? 'CRIU has no fault points of this kind' : false);

t.test('terminals: killed, or failed, in a dump, then in a restore', { skip }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace({ ownTerminals: true });
  const victim = await ws.start('ptys');
  const before = takeSnapshot(victim.pid);
  const pids = [victim.pid, ...descendantsOf(victim.pid)];
  for (const [action, stage] of [['kill', 'capture'], ['throw', 'capture'], ['kill', 'commit']] as const) {
    const run = await ws.dump(tool, victim.pid, ws.folder(`${action}-${stage}`), [], { env: faultEnv(action, stage) });
    struck(t, run, action);
    if (!unchanged(t, await differencesFrom(before, victim.pid), `${action} at the end of ${stage}: /proc says the same`)) return;
  }
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  for (const [action, stage] of [['kill', 'grow'], ['throw', 'files'], ['kill', 'arm']] as const) {
    struck(t, await ws.restore(tool, images, [], { env: faultEnv(action, stage) }), action);
    await waitFor(`nothing to be left (${action} at the end of ${stage})`, () => pids.every((pid) => !ws.shepherd.descendants().includes(pid)), 30_000);
  }
  if (!succeeded(t, await ws.restore(tool, images), 'the numbers of the terminals are free again')) return;
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});
