import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { compile } from '../harness/programs.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';

// Cores that `criu-ts core` makes of images: gdb sees there what it saw in the living process.
t.setTimeout(420_000);
const skip = skipReason() || (spawnSync('gdb', ['--version']).status === 0 ? false : 'there is no gdb');

/** gdb's answers to these commands, for a process or a core. */
function gdb(program: string, what: readonly string[], ...commands: readonly string[]): string {
  const run = spawnSync('gdb', ['-nx', '-batch', '-iex', 'set debuginfod enabled off', '-iex', 'set print thread-events off', program, ...what, ...commands.flatMap((command) => ['-ex', command])], { encoding: 'utf8' });
  return run.stdout;
}

/**
 * The frames of each thread: function, arguments, line. The address of the innermost is left out: a call that is to be
 * begun again is in the images with its address before the instruction, in the living process behind it.
 */
function frames(backtraces: string): Map<string, string[]> {
  const threads = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of backtraces.split('\n')) {
    const thread = /^Thread \d+ .*LWP (\d+)\)/.exec(line)?.[1];
    // Commands after `bt` name the threads again.
    if (thread !== undefined) {
      current = [];
      if (!threads.has(thread)) threads.set(thread, current);
    }
    if (line.startsWith('#')) current.push(line.startsWith('#0') ? line.replace(/0x[0-9a-f]+ in /, '') : line);
  }
  return threads;
}

/** Waits until every thread is in the system call of this name: gdb must find the same, then and now. */
async function settled(victim: Victim, calls: readonly string[]): Promise<void> {
  const task = `/proc/${victim.pid}/task`;
  await waitFor(`the threads of ${victim.pid} to be in ${calls.join(' or ')}`, () => readdirSync(task).every((tid) => calls.includes(readFileSync(`${task}/${tid}/syscall`, 'latin1').split(' ')[0]!)));
}

const PAUSE = '34';

t.test('a C program of four threads', { skip }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('frames');
  const program = compile('frames');
  await waitFor('its threads', () => readdirSync(`/proc/${victim.pid}/task`).length === 4);
  await settled(victim, [PAUSE]);
  const [, data, heap, shared, untouched] = /^marks (\S+) (\S+) (\S+) (\S+)$/m.exec(victim.lines().join('\n'))!;
  // What is compared: frames, call-saved and vector registers of each thread, the auxiliary vector, memory of every sort.
  const commands = ['thread apply all bt', 'thread apply all p/x {$rbx, $rbp, $rsp, $r12, $r13, $r14, $r15, $fs_base}', 'thread apply all p $ymm0', 'thread apply all p $mxcsr', 'info auxv', `x/s ${data}`, `x/s ${heap}`, `x/s ${shared}`, `x/4xg ${untouched}`, 'thread apply all frame function innermost', 'thread apply all p kept'];
  const live = gdb(program, ['-p', String(victim.pid)], ...commands);
  await settled(victim, [PAUSE]);
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--leave-running']), 'dumped')) return;
  const core = path.join(ws.dir, 'core');
  if (!succeeded(t, await ws.run(tool, ['core', '-o', core, images]), 'a core is made')) return;
  const dead = gdb(program, ['-c', core], ...commands);

  const expected = frames(live);
  t.equal(expected.size, 4, live);
  t.same(frames(dead), expected, 'the same frames in every thread');
  t.ok([...expected.values()].every((thread) => thread.length >= 4 && thread.some((frame) => frame.includes('innermost'))), `frames worth comparing: ${JSON.stringify([...expected])}`);
  const values = (text: string): string[] => text.split('\n').filter((line) => /^(\$\d+ = |0x[0-9a-f]+( <\w+>)?:|\d+ +AT_)/.test(line));
  t.same(values(dead), values(live), 'the same registers, auxiliary vector and memory');
  t.ok(values(live).length > 4 * 4 + 15, `${values(live).length} values`);
  for (const mark of ['mark-in-data', 'mark-in-heap', 'mark-in-shared']) t.ok(dead.includes(mark), mark);
  t.equal(readFileSync(core).readUInt16LE(16), 4, 'ET_CORE');

  const packed = path.join(ws.dir, 'images.tgz');
  await ws.shell(`tar -czf ${packed} -C ${images} .`);
  if (succeeded(t, await ws.run(tool, ['core', '-p', String(victim.pid), '-o', `${core}.2`, packed]), 'and out of an archive')) t.ok(readFileSync(core).equals(readFileSync(`${core}.2`)), 'the same core');
  const none = await ws.run(tool, ['core', '-p', '1', '-o', `${core}.3`, images]);
  t.equal(none.code, 2);
  t.match(none.output, `there is no process 1: ${victim.pid}`);
});

const python = '/usr/bin/python3';
t.test('python3', { skip: skip || (spawnSync(python, ['--version']).status === 0 ? false : 'there is no python3') }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const script = path.join(ws.dir, 'script.py');
  writeFileSync(script, 'import signal, threading\nthreading.Thread(target=signal.pause, daemon=True).start()\nprint("ready", flush=True)\ndef wait(n):\n  signal.pause() if n == 0 else wait(n - 1)\nwait(5)\n');
  const victim = await ws.launch([python, script]);
  await victim.ready();
  await settled(victim, [PAUSE]);
  const live = frames(gdb(python, ['-p', String(victim.pid)], 'thread apply all bt'));
  await settled(victim, [PAUSE]);
  const images = ws.folder('images');
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--compress', 'lz4']), 'dumped, compressed')) return;
  const core = path.join(ws.dir, 'core');
  if (!succeeded(t, await ws.run(tool, ['core', '-o', core, images]), 'a core is made')) return;
  const dead = frames(gdb(python, ['-c', core], 'thread apply all bt'));
  t.equal(live.size, 2);
  t.ok([...live.values()].every((thread) => thread.length > 3));
  t.same(dead, live);
});

t.test('inspect tells what /proc told', { skip: skipReason() }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('frames');
  const images = ws.folder('images');
  const [maps, cmdline] = ['maps', 'cmdline'].map((name) => readFileSync(`/proc/${victim.pid}/${name}`, 'latin1')) as [string, string];
  if (!succeeded(t, await ws.dump(tool, victim.pid, images), 'dumped')) return;
  const run = await ws.run(tool, ['inspect', '--json', images]);
  if (!succeeded(t, run, 'inspected')) return;
  const report = JSON.parse(run.output) as { processes: { pid: number; command: string[]; executable: string; threads: unknown[]; memory: { regions: { start: string; end: string; rights: string; name: string }[] } }[]; problems: string[] };
  const [process] = report.processes;
  t.same(report.problems, []);
  t.equal(process?.pid, victim.pid);
  t.same(process?.command, cmdline.split('\0').slice(0, -1));
  t.equal(process?.threads.length, 4);
  const named = (lines: readonly string[]): string[] => lines.filter((line) => line.includes(' /') && !line.includes('/dev/zero'));
  const regions = process!.memory.regions.map(({ start, end, rights, name }) => `${start}-${end} ${rights} ${name}`);
  t.same(named(regions), named(maps.split('\n').map((line) => line.replace(/^(\S+ \S+) \S+ \S+ \S+ +/, '$1 '))), 'the mapped files');
});

t.test('diff tells what a program did between two dumps', { skip: skipReason() }, async (t) => {
  await using ws = new Workspace();
  const tool = toolUnderTest();
  const victim = await ws.start('counter');
  const [first, second] = [ws.folder('first'), ws.folder('second')];
  if (!succeeded(t, await ws.dump(tool, victim.pid, first, ['--leave-running']), 'dumped')) return;
  const then = victim.lines().length;
  await waitFor('it to go on', () => victim.lines().length > then + 1);
  if (!succeeded(t, await ws.dump(tool, victim.pid, second, ['--compress', 'lz4']), 'and again')) return;
  const none = await ws.run(tool, ['diff', first, first]);
  t.equal(none.code, 0, none.output);
  const run = await ws.run(tool, ['diff', '--json', first, second]);
  t.equal(run.code, 4, run.output);
  const diff = JSON.parse(run.output) as { changed: { pid: number; pages: { same: number; changed: number }; facts: { changed: unknown[] }; descriptors: { changed: unknown[] } }[]; problems: string[]; added: unknown[]; removed: unknown[] };
  t.match(diff, { problems: [], added: [], removed: [], changed: [{ pid: victim.pid, facts: { changed: [] }, descriptors: { changed: [], added: [], removed: [] } }] });
  const { pages } = diff.changed[0]!;
  t.ok(pages.changed >= 1 && pages.changed < 20 && pages.same > 100, `its stack: ${JSON.stringify(pages)}`);
  for (const images of [first, second]) t.equal((await ws.run(tool, ['verify', images])).code, 0, 'both are whole');
});
