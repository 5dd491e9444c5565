import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { type ToolRun, Workspace } from '../harness/workspace.js';

// Options of everyday use, as scripts and people rely on them.
t.setTimeout(420_000);
const skip = skipReason();

/** An action script that notes each call with its environment, and ends with `code` at one moment. */
function noteScript(ws: Workspace, failing?: { readonly at: string; readonly code: number }): { readonly file: string; notes(): string[] } {
  const file = path.join(ws.folder('scripts'), `note-${failing?.at ?? 'all'}.sh`);
  const notes = `${file}.notes`;
  const fails = failing === undefined ? '' : `[ "$CRTOOLS_SCRIPT_ACTION" = ${failing.at} ] && exit ${failing.code}\n`;
  writeFileSync(file, `#!/bin/sh\necho "$CRTOOLS_SCRIPT_ACTION $CRTOOLS_IMAGE_DIR \${CRTOOLS_INIT_PID-none} $(cut -d' ' -f3 /proc/\${CRTOOLS_INIT_PID-none}/stat 2>/dev/null)" >> ${notes}\necho "heard $CRTOOLS_SCRIPT_ACTION"\n${fails}exit 0\n`);
  chmodSync(file, 0o755);
  writeFileSync(notes, '');
  return { file, notes: () => readFileSync(notes, 'latin1').trim().split('\n').filter(Boolean) };
}

const gone = (victim: Victim): Promise<unknown> => waitFor('it to be gone', () => !victim.lives);

t.test('action scripts: every moment, in order, with its environment', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const images = ws.folder('images');
  const script = noteScript(ws);
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--action-script', script.file]), 'dumped')) return;
  await gone(victim);
  t.match(script.notes(), [new RegExp(`^pre-dump ${images} ${victim.pid} [SRD]$`), new RegExp(`^post-dump ${images} ${victim.pid} t$`)], 'frozen at the second, not at the first');
  const restore = await ws.restore(tool, images, ['--action-script', script.file, '--pidfile', 'pid']);
  if (!succeeded(t, restore, 'restored')) return;
  t.match(script.notes().slice(2), [
    new RegExp(`^pre-restore ${images} none `),
    new RegExp(`^post-restore ${images} ${victim.pid} t$`),
    new RegExp(`^pre-resume ${images} ${victim.pid} t$`),
    new RegExp(`^post-resume ${images} ${victim.pid} [SRD]$`),
  ]);
  t.match(restore.log, /heard pre-restore\n[^]*heard post-resume\n/, 'what they print is in the log');
});

t.test('action scripts that fail', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');

  const images = ws.folder('refused');
  const refused = await ws.dump(tool, victim.pid, images, ['--action-script', noteScript(ws, { at: 'pre-dump', code: 3 }).file]);
  t.equal(refused.code, 1, 'pre-dump: no dump');
  t.match(refused.output, /the action script \S+ for pre-dump ended with 3/);
  t.notOk(readdirSync(images).includes('inventory.img'));
  t.ok(victim.lives, 'the process lives');

  const kept = ws.folder('kept');
  const run = await ws.dump(tool, victim.pid, kept, ['--action-script', noteScript(ws, { at: 'post-dump', code: 7 }).file]);
  t.equal(run.code, 7, 'post-dump: its code is the exit code');
  t.ok(readdirSync(kept).includes('inventory.img'), 'the images are whole');
  const then = victim.lines().length;
  await waitFor('it to go on', () => victim.lines().length > then);

  process.kill(victim.pid, 'SIGKILL');
  await gone(victim);
  for (const at of ['pre-restore', 'post-restore']) {
    const failed = await ws.restore(tool, kept, ['--action-script', noteScript(ws, { at, code: 4 }).file, '--pidfile', `pid-${at}`]);
    t.equal(failed.code, 1, `${at}: no restore`);
    t.match(failed.output, new RegExp(`for ${at} ended with 4`));
    t.notOk(victim.lives, 'no process is left');
    t.notOk(existsSync(path.join(kept, `pid-${at}`)), 'nor a pidfile');
  }
  succeeded(t, await ws.restore(tool, kept, ['--action-script', noteScript(ws, { at: 'pre-resume', code: 4 }).file]), 'pre-resume is too late to fail: restored');
  t.ok(victim.lives);
});

t.test('restore in the foreground ends as the root process does', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const rows: readonly (readonly [name: string, end: (victim: Victim) => void, code: number])[] = [
    ['exit code', (victim) => writeFileSync(path.join(victim.dir, 'go'), '42'), 42],
    ['a signal', (victim) => process.kill(victim.pid, 'SIGTERM'), 128 + 15],
  ];
  for (const [name, end, code] of rows) {
    const victim = await ws.start('exits');
    const images = ws.folder(`images-${code}`);
    if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
    await gone(victim);
    const run = await ws.run(tool, ['restore', '-D', images, '--pidfile', 'pid'], {
      meanwhile: async () => {
        await waitFor('it to run', () => /^[SRD]$/.test(stat(victim.pid)[0] ?? '') && !isTraced(victim.pid));
        end(victim);
      },
    });
    t.equal(run.code, code, name);
  }
});

/** Being restored it runs now and then, too. */
function isTraced(pid: number): boolean {
  return !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
}

/** What follows the name in /proc/PID/stat: state, parent, … */
function stat(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
  } catch {
    return [];
  }
}

t.test('restore --restore-sibling: the root process is a child of our parent', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('tree');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  await gone(victim);
  if (!succeeded(t, await ws.restore(tool, images, ['--restore-sibling']), 'restored')) return;
  t.equal(Number(stat(victim.pid)[1]), ws.shepherd.pid, 'its parent');
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});

t.test('restore --restore-sibling that fails leaves nothing', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  await gone(victim);
  const failed = await ws.restore(tool, images, ['-S'], { env: { CRIU_TS_FAULT: 'throw:files' } });
  t.equal(failed.code, 1);
  await gone(victim);
  succeeded(t, await ws.restore(tool, images, ['-S']), 'and it can be restored');
});

t.test('restore --exec-cmd: the command becomes the parent', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  await gone(victim);
  let parent = 0;
  let self = 0;
  await ws.run(tool, ['restore', '-D', images, '-o', 'restore.log', '--exec-cmd', '--', 'sleep', '1000'], {
    meanwhile: async (pid) => {
      self = pid;
      await waitFor('the command', () => readFileSync(`/proc/${pid}/comm`, 'latin1') === 'sleep\n');
      parent = Number(stat(victim.pid)[1]);
      process.kill(pid, 'SIGTERM');
    },
  });
  t.equal(parent, self);
  t.ok(victim.lives, 'the process lives');
  const wrong = await ws.run(tool, ['restore', '-d', '-D', images, '--exec-cmd', '--', 'true']);
  t.match([wrong.code, wrong.output], [1, /exclude each other/]);
});

t.test('configuration files: later ones win, the command line over all', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const home = ws.folder('home');
  mkdirSync(path.join(home, '.criu'));
  writeFileSync(path.join(home, '.criu/default.conf'), 'log-file home.log\nverbosity 4 # all of it\n');
  const [fromEnv, given] = ['env.conf', 'given.conf'].map((name) => path.join(ws.dir, name)) as [string, string];
  writeFileSync(fromEnv, 'log-file env.log\n');
  writeFileSync(given, 'log-file "given.log"\n');
  const victim = await ws.start('counter');
  const rows: readonly (readonly [env: Readonly<Record<string, string>>, args: readonly string[], log: string])[] = [
    [{}, [], 'home.log'],
    [{ CRIU_CONFIG_FILE: fromEnv }, [], 'env.log'],
    [{ CRIU_CONFIG_FILE: fromEnv }, ['--config', given], 'given.log'],
    [{ CRIU_CONFIG_FILE: fromEnv }, ['--config', given, '-o', 'line.log'], 'line.log'],
    [{}, ['--no-default-config', '-o', 'none.log'], 'none.log'],
  ];
  for (const [env, args, log] of rows) {
    const images = ws.folder(`images-${log}`);
    succeeded(t, await ws.run(tool, ['dump', '-R', '-t', String(victim.pid), '-D', images, ...args], { env: { HOME: home, ...env } }), 'dumped');
    t.same(readdirSync(images).filter((name) => name.endsWith('.log')), [log], [...Object.keys(env), ...args.filter((arg) => arg.startsWith('-'))].join(' '));
  }
  const lines = (log: string): number => readFileSync(path.join(ws.dir, `images-${log}`, log), 'utf8').split('\n').length;
  t.ok(lines('home.log') > lines('none.log'), 'its verbosity too');
});

t.test('-v0 … -v4, --display-stats', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const lengths: number[] = [];
  for (const level of [0, 1, 2, 3, 4]) {
    const images = ws.folder(`images-${level}`);
    const run: ToolRun = await ws.run(tool, ['dump', '-R', '-t', String(victim.pid), '-D', images, '-o', 'log', `-v${level}`, '--log-pid', '--display-stats']);
    succeeded(t, run, `-v${level}`);
    t.match(run.output, /Displaying dump stats:\nFreezing time: \d+ us\nFrozen time: \d+ us\n[^]*Memory pages written: \d+ \(0x[0-9a-f]+\)\n/);
    t.ok(existsSync(path.join(images, 'stats-dump')));
    lengths.push(readFileSync(path.join(images, 'log'), 'utf8').length);
  }
  t.equal(lengths[0], 0, 'nothing at -v0');
  t.ok(lengths[4]! > lengths[3]! && lengths[3]! > lengths[2]!, `more at each level: ${lengths.join(', ')}`);
});

t.test('removed files: --ghost-limit, --link-remap', { skip }, async (t) => {
  const tool = toolUnderTest();
  const rows: readonly (readonly [kind: string, refused: RegExp, allowing: readonly string[]])[] = [
    ['ghost', /too large for the images: \d+ bytes, the limit is 1048576/, ['--ghost-limit', '4M']],
    ['link', /was removed, but the file has other names[^]*--link-remap/, ['--link-remap']],
  ];
  for (const [kind, refused, allowing] of rows) {
    await using ws = new Workspace();
    const victim = await ws.start('removed', [kind]);
    const without = await ws.dump(tool, victim.pid, ws.folder('without'));
    t.match([without.code, without.output], [1, refused], `${kind}: refused without`);
    const images = ws.folder('images');
    if (!succeeded(t, await ws.dump(tool, victim.pid, images, allowing), 'dumped with')) continue;
    await gone(victim);
    if (!succeeded(t, await ws.restore(tool, images), 'restored')) continue;
    t.same(readdirSync(victim.dir).filter((name) => /remap|ghost|cr_/.test(name)), [], 'no name is left over');
    for (const { ok, text } of await victim.verify()) t.ok(ok, text);
  }
});

t.test('--evasive-devices', { skip }, async (t) => {
  await using ws = new Workspace({ privateMounts: true });
  const tool = toolUnderTest();
  const victim = await ws.launch(['/bin/sh', '-c', 'echo ready; exec sleep 1000 < /dev/null']);
  await victim.ready();
  await waitFor('it to sleep', () => readFileSync(`/proc/${victim.pid}/comm`, 'latin1') === 'sleep\n');
  // Another node of the same device lies over the one that it has open.
  await ws.shell(`mknod ${ws.dir}/null c 1 3 && mount --bind ${ws.dir}/null /dev/null`);
  const without = await ws.dump(tool, victim.pid, ws.folder('without'));
  t.match([without.code, without.output], [1, /another file lies at \/dev\/null/], 'refused without');
  succeeded(t, await ws.dump(tool, victim.pid, ws.folder('images'), ['--evasive-devices']), 'dumped with');
});

t.test('keys in the keyring of its session: told, as a restore has another session', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('odd', ['session-keyring']);
  if (victim.skipped !== '' || tool.isPeer) return void t.pass('not here', { skip: victim.skipped || 'a test of ours' });
  const run = await ws.dump(tool, victim.pid, ws.folder('images'), ['--leave-running']);
  succeeded(t, run, 'dumped');
  t.match(run.output + run.log, /session keyring has keys \(user: criu-ts-e2e\)/);
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});

t.test('--timeout: a tree that does not stop in time runs on', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await ws.start('removed', ['vfork']);
  await waitFor('it to wait', () => stat(victim.pid)[0] === 'D');
  const tool = toolUnderTest();
  if (!tool.isPeer) t.match((await ws.run(tool, ['explain', '-t', String(victim.pid)])).output, /waits in vfork\(2\) until process \d+ ends/, 'explain tells it');
  const run = await ws.dump(tool, victim.pid, ws.folder('images'), ['--timeout', '1']);
  t.match([run.code, run.output], [1, /\[(host-freeze|unsupported-\w+)\]/]);
  t.ok(run.ms < 9_000, `after ${Math.round(run.ms)} ms`);
  for (const { ok, text } of await victim.verify()) t.ok(ok, text);
});
