import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { namespacesPeerFlaw } from '../harness/namespaces.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded, type Assertions } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';
import { faultEnv, struck } from '../sacred/stages.js';

// Namespaces that are there already take the place of the tree's own.
t.setTimeout(420_000);
const skip = skipReason();
const tool = toolUnderTest();

/** What an ipc and a uts namespace hold: objects, limits and names. */
async function holdings(ws: Workspace, pid?: number): Promise<string> {
  const look = 'cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname; cut -c1-40 /proc/sysvipc/*; cat /proc/sys/kernel/sem /proc/sys/kernel/msg* /proc/sys/kernel/shm* /proc/sys/fs/mqueue/*';
  const command = pid === undefined ? ['sh', '-c'] : ['nsenter', '-t', String(pid), '-i', '-u', 'sh', '-c'];
  return (await ws.run({ name: 'sh', command, isPeer: false }, [look])).output;
}

/** A process in an ipc and a uts namespace that are its own. */
async function holder(ws: Workspace): Promise<Victim> {
  const one = await ws.launch(['unshare', '--ipc', '--uts', 'sleep', '1000'], 'holder');
  await waitFor('the holder to be in its namespaces', () => readFileSync(`/proc/${one.pid}/comm`, 'latin1') === 'sleep\n' && link(one.pid, 'ipc') !== link(process.pid, 'ipc'), 30_000);
  return one;
}

const link = (pid: number, name: string): string => readlinkSync(`/proc/${pid}/ns/${name}`);

async function dumped(t: Assertions, ws: Workspace): Promise<{ readonly victim: Victim; readonly images: string } | undefined> {
  const victim = await ws.start('namespaces', ['all']);
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return undefined;
  await waitFor('the program to be gone', () => !victim.lives, 30_000);
  return { victim, images };
}

t.test('--join-ns', { skip }, async (t) => {
  await using ws = new Workspace();
  const it = await dumped(t, ws);
  if (it === undefined) return;
  const { victim, images } = it;
  const { pid } = await holder(ws);
  // By its PID, and by a file.
  const args = ['--join-ns', `ipc:${pid}`, '--join-ns', `uts:/proc/${pid}/ns/uts`];
  if (!succeeded(t, await ws.restore(tool, images, args), 'restored into them')) return;
  for (const name of ['ipc', 'uts']) t.equal(link(victim.pid, name), link(pid, name), `its ${name} namespace is the holder's`);
  t.not(link(victim.pid, 'time'), link(process.pid, 'time'), 'its time namespace is one of its own');
  for (const { ok, text } of await victim.verify()) if (!(tool.isPeer && namespacesPeerFlaw.pattern.test(text))) t.ok(ok, text);
});

t.test('--join-ns of what is not there, or can not be joined', { skip: skip || (tool.isPeer && 'it says something else') }, async (t) => {
  await using ws = new Workspace();
  const it = await dumped(t, ws);
  if (it === undefined) return;
  for (const [given, says] of [['ipc:/no/such/file', /ipc namespace to join can not be opened/], ['net:/proc/self/ns/net', /a net namespace can not be joined/], ['pid:1', /invalid argument for --join-ns/], ['ipc:/dev/null', /join the ipc namespace/]] as const) {
    const run = await ws.restore(tool, it.images, ['--join-ns', given]);
    t.equal(run.code, 1, `${given} is refused`);
    t.match(run.output + run.log, says, 'and said why');
  }
  t.equal((await ws.run(tool, ['explain', '-D', it.images, '--join-ns', 'ipc:/no/such/file'])).code, 2, 'explain knows it beforehand');
  t.notOk(it.victim.lives, 'nothing was restored');
});

t.test('a restore that fails leaves nothing in them, and nothing with us', { skip: skip || (tool.isPeer && 'CRIU has no fault points of this kind') }, async (t) => {
  await using ws = new Workspace();
  const it = await dumped(t, ws);
  if (it === undefined) return;
  const { pid } = await holder(ws);
  const [ours, theirs] = [await holdings(ws), await holdings(ws, pid)];
  t.not(ours, '', 'there is something to compare');
  for (const stage of ['found', 'grow', 'namespaces', 'memory', 'settle', 'limits']) {
    for (const args of [[], ['--join-ns', `ipc:${pid}`, '--join-ns', `uts:${pid}`]]) {
      struck(t, await ws.restore(tool, it.images, args, { env: faultEnv('throw', stage) }), 'throw');
      t.equal(await holdings(ws, pid), theirs, `${stage} ${args.join(' ')}: the holder's are as they were`);
      t.equal(await holdings(ws), ours, 'and ours');
    }
  }
  if (!succeeded(t, await ws.restore(tool, it.images), 'the images are good for a restore')) return;
  for (const { ok, text } of await it.victim.verify()) t.ok(ok, text);
  t.equal(await holdings(ws), ours, 'ours are as they were');
});

t.test('moments', { skip }, async (t) => {
  await using ws = new Workspace();
  const it = await dumped(t, ws);
  if (it === undefined) return;
  const { victim, images } = it;
  const note = path.join(ws.dir, 'moments');
  const script = path.join(ws.dir, 'script');
  await ws.shell(`printf '%s\\n' '#!/bin/sh' 'n=-; test -z "$CRTOOLS_INIT_PID" || n=$(readlink /proc/$CRTOOLS_INIT_PID/ns/ipc); echo "$CRTOOLS_SCRIPT_ACTION $CRTOOLS_INIT_PID $n" >>${note}' >${script}; chmod +x ${script}`);
  if (!succeeded(t, await ws.restore(tool, images, ['--action-script', script]), 'restored')) return;
  const own = `${victim.pid} ${link(victim.pid, 'ipc')}`;
  const heard = readFileSync(note, 'latin1').trim().split('\n').map((line) => line.trim());
  t.same(heard, ['pre-restore  -', `setup-namespaces ${own}`, `post-setup-namespaces ${own}`, `post-restore ${own}`, `pre-resume ${own}`, `post-resume ${own}`]);
  await victim.verify();
});
