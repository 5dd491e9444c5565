import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { type ToolRun, Workspace } from '../harness/workspace.js';

// `verify --host` and what `inspect` says of this host: core's judgement, in the report of the images.
t.setTimeout(420_000);
const skip = skipReason();

interface Verdict {
  readonly ok: boolean;
  readonly findings: readonly { readonly rule: string; readonly level: string; readonly pid?: number; readonly hint?: string }[];
}

t.test('does a checkpoint fit this host', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--leave-running']), 'dumped')) return;
  const verify = (...args: string[]): Promise<ToolRun> => ws.run(tool, ['verify', '--host', ...args]);

  const living = await verify('--format', 'json', images);
  t.equal(living.code, 3, living.output);
  const verdict = JSON.parse(living.output) as Verdict;
  t.match(verdict, { ok: false, findings: [{ rule: 'host-pid', level: 'host', pid: victim.pid, hint: /end who has it/ }] }, 'its PID is taken: it lives');
  t.match((await verify(images)).output, /^host {4}host-pid {12}cannot restore process \d+ .*: the PID is taken[^]*\n {2}do: {2}end who has it[^]*: whole, does not fit this host: 1 finding/m, 'as text');
  const sarif = JSON.parse((await verify('--format', 'sarif', images)).output) as { runs: [{ results: unknown[] }] };
  t.match(sarif.runs[0].results, [{ ruleId: 'host-pid', level: 'error', message: { text: /; do: end who has it/ } }], 'as SARIF');
  const junit = (await verify('--format', 'junit', images)).output;
  t.match(junit, /name="host-pid: [^>]*><failure /, 'as JUnit');
  t.match(junit, /name="host-cpu: [^>]*><\/testcase>/, 'with a case for each check');
  t.notMatch((await ws.run(tool, ['verify', '--format', 'junit', images])).output, /host-/, 'none where it was not asked for');
  t.equal((await ws.run(tool, ['verify', images])).code, 0, 'the host does not matter then');

  const shown = await ws.run(tool, ['inspect', images]);
  t.match(shown.output, /^would not be restored here: 1 obstacle\n {2}cannot restore process \d+ .*the PID is taken/m, 'inspect says why');
  t.notMatch((await ws.run(tool, ['inspect', '--no-host', images])).output, /restored here/);
  const report = JSON.parse((await ws.run(tool, ['inspect', '--host', '--json', images])).output) as { host: unknown };
  t.match(report.host, { possible: false, problems: [{ severity: 'obstacle', code: 'host-pid-taken' }] }, 'in JSON, too');
  t.equal('host' in (JSON.parse((await ws.run(tool, ['inspect', '--json', images])).output) as object), false, 'JSON is the same everywhere unless it is asked for');

  process.kill(victim.pid, 'SIGKILL');
  await waitFor('it to be gone', () => !victim.lives);
  const free = await verify(images);
  t.equal(free.code, 0, free.output);
  t.match(free.output, /: whole, fits this host$/m);
  t.match((await ws.run(tool, ['inspect', images])).output, /^could be restored here now$/m);

  const archive = path.join(ws.dir, 'images.tar.gz');
  await ws.shell(`tar -czf ${archive} -C ${images} .`);
  t.match(await verify(archive), { code: 0, output: /images\.tar\.gz: whole, fits this host$/m }, 'out of an archive');

  chmodSync(victim.out, 0o604);
  t.match(JSON.parse((await verify('--format', 'json', images)).output), { findings: [{ rule: 'host-file' }] }, 'a file was changed');
  renameSync(victim.out, `${victim.out}.away`);
  t.match(JSON.parse((await verify('--format', 'json', archive)).output), { findings: [{ rule: 'host-file' }] }, 'a file is missing');

  writeFileSync(path.join(images, 'files.img'), readFileSync(path.join(images, 'files.img')).subarray(0, -2));
  const damaged = await verify('--format', 'json', images);
  t.equal(damaged.code, 1, 'damage comes before the host');
  t.ok((JSON.parse(damaged.output) as Verdict).findings.every(({ rule, level }) => level === 'damage' && !rule.startsWith('host-')), damaged.output);
});
