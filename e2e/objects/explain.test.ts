import { chmodSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { type ToolRun, Workspace } from '../harness/workspace.js';

// What `explain` finds, and that a dump says the same.
t.setTimeout(420_000);
const skip = skipReason();

interface Told {
  readonly code: string;
  readonly severity: string;
  readonly object?: string;
  readonly task?: { readonly pid: number };
  readonly why?: string;
  readonly hint?: string;
}

function findings(run: ToolRun): readonly Told[] {
  const line = run.output.split('\n').find((one) => one.startsWith('{')) ?? '{}';
  return (JSON.parse(line) as { findings?: readonly Told[] }).findings ?? [];
}

const codes = (run: ToolRun): string[] => findings(run).map(({ code }) => code).sort();

/** How often it went to sleep and was taken off its CPU: any stop is one more. */
function switches({ pid }: Victim): string[] {
  return readFileSync(`/proc/${pid}/status`, 'latin1').match(/^(non)?voluntary_ctxt_switches:.*$/gm) ?? [];
}

t.test('explain -t of what can be dumped: exit code 0, and the process never even ran', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await ws.launch(['/bin/sleep', '1000']);
  await waitFor('it to sleep', () => /hrtimer|nanosleep|clock/.test(readFileSync(`/proc/${victim.pid}/wchan`, 'latin1')) || readFileSync(`/proc/${victim.pid}/syscall`, 'latin1').startsWith('230 '));
  const before = switches(victim);
  const run = await ws.run(toolUnderTest(), ['explain', '-t', String(victim.pid)]);
  succeeded(t, run, 'explained');
  t.match(run.output, /process \d+ could be dumped now: nothing stands in the way \(1 process looked at\)/);
  t.same(switches(victim), before, 'it was not stopped');
});

t.test('what can not be dumped: explain and dump name all of it', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('refused');
  if (victim.skipped !== '') {
    t.pass(`skipped: ${victim.skipped}`);
    return;
  }
  const [, pipe, fault, udp] = /^pipe (\d+) fault (\d+) udp (\d+)$/.exec(await victim.line(/^pipe /)) ?? [];

  const text = await ws.run(tool, ['explain', '-t', String(victim.pid)]);
  t.equal(text.code, 2, 'explain: exit code 2');
  for (const fd of [pipe, fault, udp]) t.match(text.output, new RegExp(`obstacle: cannot dump fd ${fd} .* of process ${victim.pid} \\(refused\\): .*\\[unsupported-file\\]\\n  why: `), `names fd ${fd}`);
  const json = await ws.run(tool, ['explain', '-t', String(victim.pid), '--json']);
  t.equal(json.code, 2);
  t.match(findings(json), Array.from({ length: 3 }, () => ({ severity: 'obstacle', code: 'unsupported-file', task: { pid: victim.pid }, why: String })), 'as JSON');

  const images = ws.folder('images');
  const dump = await ws.run(tool, ['dump', '-t', String(victim.pid), '-D', images]);
  t.equal(dump.code, 1, 'dump refuses');
  for (const fd of [pipe, fault, udp]) t.match(dump.output, new RegExp(`cannot dump fd ${fd} `), `names fd ${fd}`);
  t.same(readdirSync(images), [], 'nothing was written');
  for (const { ok, text: verdict } of await victim.verify()) t.ok(ok, verdict);
});

t.test('what shows only when the files are captured is told at once, too', { skip }, async (t) => {
  await using ws = new Workspace({ privateMounts: true });
  const victim = await ws.start('removed', ['links']);
  // Their directory is another one now: a link into it can't be made.
  await ws.shell(`mount -t tmpfs none ${victim.dir}/inner`);
  const images = ws.folder('images');
  const dump = await ws.run(toolUnderTest(), ['dump', '-t', String(victim.pid), '-D', images, '--link-remap']);
  t.equal(dump.code, 1);
  for (const name of ['a', 'c']) t.match(dump.output, new RegExp(`/inner/${name} can't be linked back: its directory lies on another file system`), `names inner/${name}`);
  t.same(readdirSync(images), [], 'nothing was written');
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});

t.test('explain knows the options of a dump', { skip }, async (t) => {
  await using ws = new Workspace();
  // No session of its own: the shepherd's.
  const tool = toolUnderTest();
  const job = await ws.shepherd.run(['/bin/sleep', '1000'], { cwd: ws.dir, out: path.join(ws.dir, 'job.out') });
  const without = await ws.run(tool, ['explain', '-t', String(job.pid), '--json']);
  t.same([without.code, codes(without)], [2, ['unsupported-session']]);
  const allowed = await ws.run(tool, ['explain', '-t', String(job.pid), '--shell-job', '--json']);
  t.same([allowed.code, codes(allowed)], [0, []]);
});

t.test('what can not be explained', { skip }, async (t) => {
  await using ws = new Workspace();
  const rows: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no process', ['explain', '-t', '4194305'], /no such process.*\[tracee-died\]/],
    ['no images', ['explain', '-D', ws.folder('empty')], /inventory/],
    ['neither', ['explain'], /a process \(-t PID\) or images \(-D DIR\)/],
  ];
  for (const [name, args, message] of rows) {
    const run = await ws.run(toolUnderTest(), args);
    t.match(run.output, message, name);
    t.not(run.code, 0, 'fails');
  }
});

t.test('explain -D: whether images can be restored here', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('listener');
  const port = Number((await victim.line(/^port \d+$/)).slice(5));
  const images = ws.folder('images');
  const explain = (...more: string[]): Promise<ToolRun> => ws.run(tool, ['explain', '-D', images, '--json', ...more]);

  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--leave-running']), 'dumped')) return;
  const living = await explain();
  t.same([living.code, codes(living)], [2, ['host-pid-taken', 'host-port-taken']], 'the process lives still');
  process.kill(victim.pid, 'SIGKILL');
  await waitFor('it to be gone', () => !victim.lives);

  const free = await explain();
  t.same([free.code, codes(free)], [0, []], 'nothing stands in the way');

  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const taken = await explain();
  t.same([taken.code, codes(taken)], [2, ['host-port-taken']], 'the port is taken');
  t.match(findings(taken)[0], { object: /^fd \d+/, task: { pid: victim.pid }, hint: String });
  const restore = await ws.run(tool, ['restore', '-d', '-D', images]);
  t.equal(restore.code, 1, 'restore fails');
  t.match(restore.output, /\[host-port-taken\]/, 'for the same reason');
  await new Promise((resolve) => server.close(resolve));

  chmodSync(victim.out, 0o604);
  const changed = await explain();
  t.same([changed.code, codes(changed)], [2, ['host-file-changed']], 'a file was changed');
  renameSync(victim.out, `${victim.out}.away`);
  const missing = await explain();
  t.same([missing.code, codes(missing)], [2, ['host-file-missing']], 'a file is missing');
  renameSync(`${victim.out}.away`, victim.out);
  t.match(findings(missing)[0], { object: new RegExp(victim.out) });
});

t.test('explain -D: what the living program has still', { skip }, async (t) => {
  const tool = toolUnderTest();
  const rows: readonly (readonly [program: string, args: readonly string[], code: string])[] = [
    ['ptys', [], 'host-pty-taken'],
    ['system_v_shm', ['keep'], 'host-shm-attached'],
    ['unix_sockets', [], 'host-name-taken'],
  ];
  for (const [program, args, code] of rows) {
    await using ws = new Workspace({ ownTerminals: program === 'ptys' });
    const victim = await ws.start(program, args);
    const images = ws.folder('images');
    if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--leave-running']), `${program} dumped`)) continue;
    const living = codes(await ws.run(tool, ['explain', '-D', images, '--json']));
    t.ok(living.includes(code) && living.includes('host-pid-taken'), `${program}: ${living.join(', ')}`);
  }
});
