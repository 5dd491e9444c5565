import { readdirSync, readlinkSync, statSync } from 'node:fs';
import t from 'tap';
import { testObjects } from '../harness/object-table.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { killAll } from '../harness/shepherd.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { describeRun, type ToolRun, Workspace } from '../harness/workspace.js';

testObjects([
  { program: 'ptys', terminals: true, peerFails: 'a terminal that is stopped, and what is being typed' },
  { program: 'ptys_odd', args: ['report'], terminals: true, refused: /a report waits at a terminal in packet mode/, peerFails: 'it reads the report' },
  { program: 'ptys_odd', args: ['outer'], terminals: true, refused: /the master of the terminal \/dev\/pts\/\d+ is outside of the tree|without correspond master peer/ },
]);

t.test('a terminal that is left to the outside', { skip: skipReason() }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace({ ownTerminals: true });
  const victim = await ws.start('ptys_odd', ['outer']);
  const slave = readdirSync(`/proc/${victim.pid}/fd`).find((fd) => readlinkSync(`/proc/${victim.pid}/fd/${fd}`) === '/dev/pts/0') ?? 'none';
  const { rdev, dev } = statSync(`/proc/${victim.pid}/fd/${slave}`);
  const name = `tty[${rdev.toString(16)}:${dev.toString(16)}]`;
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--external', name]), 'dumped')) return;
  const without = await ws.restore(tool, images, ['--external', name]);
  t.not(without.code, 0, 'not restored without it');
  if (!tool.isPeer) t.match(without.output, /was left to the outside.*\n.*\n.*--inherit-fd/, 'and says how');
  const shell = { name: 'sh', command: ['/bin/sh', '-c', `exec 9<>/dev/pts/0; exec "$@"`, 'sh', ...tool.command], isPeer: tool.isPeer };
  const run = await ws.restore(shell, images, ['--inherit-fd', `fd[9]:${name}`]);
  t.equal(run.code, 0, 'restored with another one', { run: describeRun(run) });
  t.equal(readlinkSync(`/proc/${victim.pid}/fd/${slave}`), '/dev/pts/0', 'which it has now');
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});

t.test('explain: whose number is free, whose is taken', { skip: skipReason() || (toolUnderTest().isPeer ? 'CRIU does not explain' : false) }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace({ ownTerminals: true });
  const victim = await ws.start('ptys');
  const explain = (args: readonly string[]): Promise<ToolRun> => ws.run(tool, ['explain', ...args]);
  t.equal((await explain(['-t', String(victim.pid)])).code, 0, 'nothing stands in the way of a dump');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  await waitFor('the dumped process to be gone', () => !victim.lives);
  const free = await explain(['-D', images]);
  t.equal(free.code, 0, 'all numbers are free', { run: describeRun(free) });
  const other = await ws.start('ptys_odd', ['outer']);
  const taken = await explain(['-D', images]);
  t.match(taken, { code: 2, output: /the terminal \/dev\/pts\/0 is taken/ }, 'one is taken');
  t.notMatch(taken.output, /is taken[^]*is taken/, 'told once');
  await other.verify();
  killAll(ws.shepherd.descendants());
  await waitFor('it to be free again', () => ws.shepherd.descendants().length === 0);
  if (!succeeded(t, await ws.restore(tool, images), 'and then it is restored')) return;
  for (const { ok, text } of await victim.verify()) if (!ok) t.fail(text);
});
