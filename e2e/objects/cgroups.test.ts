import { chownSync, statSync } from 'node:fs';
import t from 'tap';
import { cgroupOf, cgroupSkip, TestCgroup } from '../harness/cgroups.js';
import { skipReason } from '../harness/requirements.js';
import { type Assertions, succeeded } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';

t.setTimeout(420_000);
const skip = skipReason();
const tool = toolUnderTest();
let count = 0;

/** For v1 and for v2: a limit that can be seen, and another value of it. */
const hierarchies = [
  { controller: 'cpu', file: 'cpu.shares', value: '333', other: '555' },
  { controller: '', file: 'cgroup.max.depth', value: '7', other: '9' },
] as const;
/** What differs between them; the other rows are of what they have in common. */
const v1Rows: readonly string[] = ['what is gone is made again', 'full: what is there becomes as it was', 'another root'];

const freshPath = (): string => `/criu-ts-e2e-${process.pid}-${count++}`;

interface Row {
  readonly name: string;
  readonly options?: readonly string[];
  /** Between dump and restore. */
  readonly meanwhile: 'removed' | 'changed' | 'kept';
  /** What the limit is afterwards; undefined: the restore is refused. */
  readonly limit?: 'as dumped' | 'as changed';
  readonly refused?: RegExp;
  readonly where?: 'own' | 'other' | 'ours';
}

const rows: readonly Row[] = [
  { name: 'what is gone is made again', meanwhile: 'removed', limit: 'as dumped' },
  { name: 'soft: what is there stays as it is', meanwhile: 'changed', limit: 'as changed' },
  { name: 'full: what is there becomes as it was', options: ['--manage-cgroups=full'], meanwhile: 'changed', limit: 'as dumped' },
  { name: 'props: the same', options: ['--manage-cgroups=props'], meanwhile: 'changed', limit: 'as dumped' },
  { name: 'none: it has to be there', options: ['--manage-cgroups=none'], meanwhile: 'removed', refused: /it is not there/ },
  { name: 'none: it is entered', options: ['--manage-cgroups=none'], meanwhile: 'changed', limit: 'as changed' },
  { name: 'strict: it must not be there', options: ['--manage-cgroups=strict'], meanwhile: 'kept', refused: /it is there already/ },
  { name: 'strict: it is made', options: ['--manage-cgroups=strict', 'alone'], meanwhile: 'removed', limit: 'as dumped' },
  { name: 'ignore: it comes back in ours', options: ['--manage-cgroups=ignore'], meanwhile: 'kept', limit: 'as dumped', where: 'ours' },
  { name: 'another root', meanwhile: 'kept', limit: 'as dumped', where: 'other' },
];

for (const { controller, file, value, other } of hierarchies) {
  const version = controller === '' ? 'v2' : 'v1';
  const reason = skip || cgroupSkip(controller) || (tool.isPeer ? 'a test of ours' : false);
  for (const row of rows) {
    if (controller !== '' && !v1Rows.includes(row.name)) continue;
    t.test(`${version}: ${row.name}`, { skip: reason }, async (t) => {
      await using group = new TestCgroup(controller, freshPath());
      await using elsewhere = new TestCgroup(controller, freshPath());
      await using ws = new Workspace();
      group.make('/inner/empty');
      const inner = new TestCgroup(controller, `${group.path}/inner`);
      inner.write(file, value);
      chownSync(inner.directory, 1234, 2345);
      const victim = await ws.start('counter');
      inner.write('cgroup.procs', String(victim.pid));

      // Of the others some are ours, and there.
      const options = (row.options ?? []).map((option) => (option === 'alone' ? `--cgroup-dump-controller=${controller}` : option));
      const newRoot = row.where === 'other' ? [`--cgroup-root=${controller}:${elsewhere.path}`] : [];
      const images = ws.folder('images');
      if (!succeeded(t, await ws.dump(tool, victim.pid, images, options), 'dumped')) return;
      await waitFor('the dumped process to be gone', () => !victim.lives, 30_000);
      if (row.meanwhile === 'removed') await group.remove();
      if (row.meanwhile === 'changed') inner.write(file, other);

      const restored = await ws.restore(tool, images, [...options, ...newRoot]);
      if (row.refused !== undefined) {
        t.equal(restored.code, 1, 'refused');
        t.match(restored.output, row.refused);
        t.equal(group.exists, row.meanwhile !== 'removed', 'no cgroup is left behind');
        return;
      }
      if (!succeeded(t, restored, 'restored')) return;
      const place = row.where === 'other' ? elsewhere : inner;
      t.equal(cgroupOf(victim.pid, controller), row.where === 'ours' ? cgroupOf('self', controller) : place.path, 'it is where it belongs');
      t.equal(place.read(file), row.limit === 'as changed' ? other : value);
      t.ok(statSync(`${place.directory}/empty`, { throwIfNoEntry: false })?.isDirectory(), 'an empty one is there too');
      t.equal(statSync(place.directory).uid, 1234);
      await succeed(t, victim);
    });
  }
}

t.test('v1: threads and children in cgroups of their own', { skip: skip || cgroupSkip('cpu') || (tool.isPeer ? 'a test of ours' : false) }, async (t) => {
  await using group = new TestCgroup('cpu', freshPath());
  await using ws = new Workspace();
  for (const below of ['/main', '/thread']) group.make(below);
  const victim = await ws.start('threads');
  const main = new TestCgroup('cpu', `${group.path}/main`);
  const thread = new TestCgroup('cpu', `${group.path}/thread`);
  main.write('cgroup.procs', String(victim.pid));
  const tid = main.read('tasks').split('\n').map(Number).sort((a, b) => b - a)[0] as number;
  thread.write('tasks', String(tid));
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  await waitFor('the dumped process to be gone', () => !victim.lives, 30_000);
  await group.remove();
  if (!succeeded(t, await ws.restore(tool, images), 'restored')) return;
  t.equal(cgroupOf(victim.pid, 'cpu'), main.path);
  t.equal(cgroupOf(`${victim.pid}/task/${tid}`, 'cpu'), thread.path);
  await succeed(t, victim);
});

/** The program's own verdict; and it is gone afterwards, for its cgroups to go. */
async function succeed(t: Assertions, victim: Victim): Promise<void> {
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  await waitFor('the program to end', () => !victim.lives, 30_000);
}
