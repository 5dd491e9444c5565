import t from 'tap';
import { compareSnapshots } from '../harness/proc-compare.js';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded, unchanged } from '../harness/round-trip.js';
import { atRest, descendantsOf } from '../harness/shepherd.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { describeRun, Workspace } from '../harness/workspace.js';
import { nginx } from '../real/nginx.js';
import { postgres } from '../real/postgres.js';
import { realPrograms } from '../real/programs.js';
import { exists, nothingLeft } from './nothing-left.js';
import { faultEnv, stagesOf, stagesOfDump, struck } from './stages.js';

// Trees that people run, with us killed at the end of each stage. REAL=. takes all of them, REAL=redis only those.
t.setTimeout(600_000);
const noFaultPoints = (): string | false => (toolUnderTest().isPeer ? 'CRIU has no fault points of this kind' : false);

const wanted = process.env['REAL'];
const programs = wanted === undefined ? [nginx, postgres] : realPrograms.filter(({ name }) => new RegExp(wanted).test(name));

/** Threads of a tree that are stopped or traced: of a program that works by itself, /proc tells no more. */
function heldThreads(pid: number): string[] {
  return [...takeSnapshot(pid)].flatMap(([field, value]) => ((/TracerPid$/.test(field) && value !== '0') || (/stopped$/.test(field) && value !== 'no') ? [`${field}: ${value}`] : []));
}

for (const { name, skip, start, idle, terminals = false } of programs) {
  t.test(`${name}: a dump killed at the end of each stage`, { skip: skipReason() || skip || noFaultPoints() }, async (t) => {
    const tool = toolUnderTest();
    await using ws = new Workspace({ ownTerminals: terminals });
    const program = await start(ws);
    const { victim } = program;
    await program.check(t);
    const stages = await stagesOfDump(t, ws, tool, victim, ws.folder('stages'), program.options);
    t.ok(stages.length >= 5, `stages: ${stages.join(' ')}`);
    for (const stage of stages) {
      if (idle !== undefined) await atRest(victim.pid);
      const before = takeSnapshot(victim.pid);
      // From the release on, a dump without --leave-running has killed the program, as it was told to.
      const args = stages.indexOf(stage) >= stages.indexOf('release') ? ['--leave-running'] : [];
      const run = await ws.dump(tool, victim.pid, ws.folder(`kill-${stage}`), [...program.options, ...args], { env: faultEnv('kill', stage) });
      struck(t, run, 'kill');
      // Whoever traced it is dead, but the kernel may still be at detaching.
      const differences = (): string[] => (idle === undefined ? heldThreads(victim.pid) : compareSnapshots(before, takeSnapshot(victim.pid)));
      await waitFor('the tree to be as before', () => differences().length === 0, 10_000).catch(() => undefined);
      if (!unchanged(t, differences(), `killed at the end of ${stage}: nothing of us is left on it`)) return void t.comment(describeRun(run));
      await program.check(t);
    }
    await program.end(t);
  });

  t.test(`${name}: a restore killed at the end of each stage`, { skip: skipReason() || skip || noFaultPoints() }, async (t) => {
    const tool = toolUnderTest();
    await using ws = new Workspace({ ownTerminals: terminals });
    const program = await start(ws);
    const { victim } = program;
    await program.check(t);
    const pids = [victim.pid, ...descendantsOf(victim.pid)];
    const dump = async (images: string): Promise<boolean> => {
      if (!succeeded(t, await ws.dump(tool, victim.pid, images, program.options), 'dumped')) return false;
      await waitFor('the dumped tree to be gone', () => pids.every((pid) => !exists(pid)), 30_000);
      return true;
    };
    const first = ws.folder('first');
    if (!(await dump(first))) return;
    const probe = await ws.restore(tool, first, [...program.options, '--log-json']);
    if (!succeeded(t, probe, 'a restore to learn the stages')) return;
    const stages = stagesOf(probe.log);
    t.ok(stages.length >= 4, `stages: ${stages.join(' ')}`);
    await program.check(t);
    const images = ws.folder('images');
    if (!(await dump(images))) return;
    // At the end of the last stage nothing is left to fail: the tree runs.
    for (const stage of stages.slice(0, -1)) {
      const run = await ws.restore(tool, images, program.options, { env: faultEnv('kill', stage) });
      struck(t, run, 'kill');
      if (!(await nothingLeft(t, ws, { pids }))) return void t.fail(`killed at the end of ${stage}: processes are left`, { run: describeRun(run) });
    }
    if (!succeeded(t, await ws.restore(tool, images, program.options), 'and the images are good for a restore')) return;
    await program.check(t);
    await program.end(t);
  });
}
