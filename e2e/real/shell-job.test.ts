import { readFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { takeSnapshot } from '../harness/proc-snapshot.js';
import { compareSnapshots } from '../harness/proc-compare.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded, unchanged } from '../harness/round-trip.js';
import { stateOf } from '../harness/shepherd.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';
import { lacks } from './kind.js';
import { SHELL, Terminal, terminalNeeds } from './terminal.js';

t.setTimeout(420_000);
const skip = skipReason() || lacks(...terminalNeeds);

/** The number that a program in the terminal has written into a file of its folder. */
function pidFrom(terminal: Terminal): Promise<number> {
  const file = path.join(terminal.victim.dir, 'pid');
  return waitFor('the job to tell its pid', () => (existsSync(file) ? Number(readFileSync(file, 'latin1')) : undefined));
}

const isGone = (pid: number): boolean => ['Z', 'X', undefined].includes(stateOf(pid));

t.test('bash and its pipeline, a job of one shell, go on as a job of another one in another terminal', { skip }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace({ ownTerminals: true });
  const before = await Terminal.open(ws);
  before.type(`PS1='outer-''shell> '\n${SHELL.join(' ')}\nPS1='job-''shell> '; n=42; echo $$ >pid\n`);
  await before.shows(t, 'job-shell> ', 'a shell runs in a shell');
  const pid = await pidFrom(before);
  before.type('cat | tr a-z A-Z\nfirst\n');
  await before.shows(t, 'FIRST\r\n', 'its pipeline is in the foreground');

  const asItWas = takeSnapshot(pid);
  const refused = await ws.dump(tool, pid, ws.folder('refused'));
  t.not(refused.code, 0, 'the dump is refused');
  t.match(refused.output + refused.log, /--shell-job/, 'and names the option');
  unchanged(t, compareSnapshots(asItWas, takeSnapshot(pid)), 'the job runs on untouched');

  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, pid, images, ['--shell-job']), 'dumped with it')) return;
  await waitFor('the job to be gone', () => isGone(pid));
  await before.shows(t, 'outer-shell> ', 'the shell has its terminal back');

  const bad = await ws.restore(tool, images, ['--shell-job']);
  t.not(bad.code, 0, 'without a terminal it is not restored');
  t.match(bad.output + bad.log, tool.isPeer ? /tty/ : /our standard input is none/, 'and says why');
  t.ok(isGone(pid), 'nothing of it is there');

  const after = await Terminal.open(ws, SHELL, '33x90');
  after.type(`n=1; ${tool.command.join(' ')} restore -D ${images} --shell-job; echo "EXIT $?, n $n"\n`);
  await waitFor('the job to be back', () => !isGone(pid), 30_000);
  after.type('second\n');
  await after.shows(t, 'SECOND\r\n', 'its pipeline goes on, in the foreground of the new terminal');
  after.type('\u0004');
  await after.shows(t, 'job-shell> ', 'the shell of the job waits');
  after.type('echo "n is $n, $(stty size)"\n');
  await after.shows(t, 'n is 42, 33 90\r\n', 'it has its variables, and the terminal has its own size');
  after.type('sh -c "echo in-\'\'front; exec sleep 1000"\n');
  await after.shows(t, 'in-front\r\n', 'it starts another job');
  after.type('\u0003');
  await after.shows(t, 'job-shell> ', 'which Ctrl-C ends');
  after.type('exit 7\n');
  await after.shows(t, 'EXIT 7, n 1\r\n', 'its exit code is that of the restore, and the terminal is back with its shell');
});

t.test('a job that is restored by -d keeps the modes of its terminal', { skip }, async (t) => {
  const tool = toolUnderTest();
  await using ws = new Workspace({ ownTerminals: true });
  const terminal = await Terminal.open(ws);
  terminal.type(`PS1='outer-''shell> '\n/bin/bash -c 'stty -icanon -echo; echo $$ >pid; read -n 1 x; echo got-$x; read -n 1 x'\n`);
  const pid = await pidFrom(terminal);
  const images = ws.folder('images');
  await waitFor('the job to wait for a key', () => stateOf(pid) === 'S');
  if (!succeeded(t, await ws.dump(tool, pid, images, ['--shell-job']), 'dumped')) return;
  await terminal.shows(t, 'outer-shell> ', 'the shell has its terminal back');
  terminal.type(`${tool.command.join(' ')} restore -D ${images} --shell-job -d; stty -a </dev/tty | grep -o -e '-icanon'; echo over\n`);
  await terminal.shows(t, '-icanon\r\nover', 'the modes are those that the job had set');
  t.notOk(isGone(pid), 'it lives');
});
