#!/usr/bin/env node
// @ts-check
// Runs a long computation that survives crashes: it is checkpointed at an interval, and after a crash (its own, ours, or
// the machine's) goes on from the last good checkpoint. Usage, as root:
//   node supervisor.mjs [--every SECONDS] [--keep N] [--attempts N] --dir DIR -- COMMAND ARGUMENT…
// DIR: output.log (what COMMAND prints), checkpoints/N (complete ones only), exit-code (once COMMAND has ended by itself).
// SIGTERM: a last checkpoint, and COMMAND ends; the same command line goes on from there.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { dump, restore } from '@criu-ts/core';

const { values, positionals: command } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: 'string', default: '60' },
    keep: { type: 'string', default: '2' },
    attempts: { type: 'string', default: '3' },
    dir: { type: 'string', default: 'supervised' },
  },
});
const dir = path.resolve(values.dir);
const checkpoints = path.join(dir, 'checkpoints');
const exitCodeFile = path.join(dir, 'exit-code');
const runningFile = path.join(dir, 'running');
mkdirSync(checkpoints, { recursive: true });

/** @param {string} text */
function tell(text) {
  console.log(text);
  appendFileSync(path.join(dir, 'supervisor.log'), `${new Date().toISOString()} ${text}\n`);
}

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));
/** @param {unknown} error */
const codeOf = (error) => /** @type {{ code?: unknown }} */ (error).code;

/** When it was started (clock ticks since boot): with the pid it names a process for good. @param {number} pid */
function startTime(pid) {
  try {
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return state === 'Z' || state === 'X' ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

/** @param {number} pid */
function remember(pid) {
  writeFileSync(runningFile, `${pid} ${startTime(pid)} ${bootId}`);
  return pid;
}

/** The computation, where it runs already: whoever supervised it before us died alone. */
async function findRunning() {
  if (!existsSync(runningFile)) return undefined;
  const [pid = '', start, boot] = readFileSync(runningFile, 'utf8').split(' ');
  if (boot !== bootId) return undefined;
  const now = startTime(Number(pid));
  // While anybody is left of its session, its number is nobody else's.
  if (now === undefined) await clearAway(Number(pid));
  return now === start ? Number(pid) : undefined;
}

/** Complete checkpoints, the newest first. */
const complete = () => readdirSync(checkpoints).filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => b - a);

/**
 * Starts the command. A shell around it writes down how it ended, so that this is known whoever is its parent by then.
 * It must be no child of Node's own: libuv would take the stops of a traced child for its end. So setsid(1) forks it off.
 */
async function start() {
  rmSync(runningFile, { force: true });
  const script = 'echo $$ >"$0/started"; "$@"; echo $? >"$0/exit-code.part"; mv "$0/exit-code.part" "$0/exit-code"';
  const output = openSync(path.join(dir, 'output.log'), 'a');
  const started = path.join(dir, 'started');
  rmSync(started, { force: true });
  spawn('setsid', ['--fork', 'sh', '-c', script, dir, ...command], { stdio: ['ignore', output, output] });
  const pidOf = () => (existsSync(started) ? Number(readFileSync(started, 'utf8')) : 0);
  for (let i = 0; pidOf() === 0; i++) {
    if (i > 1000) throw new Error('the command did not start');
    await sleep(10);
  }
  const pid = pidOf();
  tell(`started as process ${pid}`);
  return remember(pid);
}

/** A checkpoint has its name only when it is complete. A failed one does the computation no harm. @param {number} pid @param {boolean} leaveRunning */
async function checkpoint(pid, leaveRunning) {
  const number = (complete()[0] ?? 0) + 1;
  const part = path.join(checkpoints, `${number}.part`);
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part);
  try {
    const { stats } = await dump({ pid, imagesDir: part, leaveRunning });
    renameSync(part, path.join(checkpoints, String(number)));
    tell(`checkpoint ${number}: stood still for ${(stats.frozenTime / 1000).toFixed(1)} ms`);
    for (const old of complete().slice(Number(values.keep))) {
      // What has a number is complete, also while it is being removed.
      renameSync(path.join(checkpoints, String(old)), path.join(checkpoints, `${old}.part`));
      rmSync(path.join(checkpoints, `${old}.part`), { recursive: true });
    }
    return true;
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    // It may have ended meanwhile: then there is nothing to tell.
    if (startTime(pid) !== undefined) tell(`checkpoint ${number} failed: ${messageOf(error)}`);
    return false;
  }
}

/** What a crash left of its session (which has the number of its leader) must be gone, before all of it comes back. @param {number} session */
async function clearAway(session) {
  for (;;) {
    const left = readdirSync('/proc').filter((name) => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')[3] === String(session);
      } catch {
        return false;
      }
    });
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // it has just gone
      }
    }
    await sleep(20);
  }
}

/** Goes on from the newest checkpoint that can be restored; from the beginning where there never was one. @param {number} skip so many of the newest are not tried */
async function resume(skip) {
  const all = complete();
  if (all.length === 0) return start();
  for (const number of all.length > skip ? all.slice(skip) : all) {
    try {
      const { pid, wait } = await restore({ imagesDir: path.join(checkpoints, String(number)) });
      // It is our child, whose end somebody has to take note of.
      wait().catch(() => undefined);
      tell(`resumed from checkpoint ${number} as process ${pid}`);
      return remember(pid);
    } catch (error) {
      tell(`checkpoint ${number} is of no use (${String(codeOf(error))}): ${messageOf(error)}`);
    }
  }
  // Weeks of work may lie in them: whether to begin anew is not ours to say.
  tell('no checkpoint can be restored');
  process.exit(1);
}

let stopping = false;
process.on('SIGTERM', () => (stopping = true));

for (const name of readdirSync(checkpoints)) if (name.endsWith('.part')) rmSync(path.join(checkpoints, name), { recursive: true });
let pid = await findRunning();
if (pid === undefined && !existsSync(exitCodeFile)) {
  if (command.length === 0) throw new Error('no command');
  pid = await resume(0);
}
let crashes = 0;
while (pid !== undefined) {
  const due = Date.now() + Number(values.every) * 1000;
  while (startTime(pid) !== undefined && Date.now() < due && !stopping) await sleep(20);
  if (startTime(pid) !== undefined) {
    const saved = await checkpoint(pid, !stopping);
    if (saved) crashes = 0;
    if (saved && stopping) process.exit(0);
    stopping = false;
    continue;
  }
  if (existsSync(exitCodeFile)) break;
  tell(`process ${pid} crashed`);
  await clearAway(pid);
  // A checkpoint that leads to a crash again and again may hold the cause: then the one before it.
  crashes++;
  if (crashes > Number(values.attempts)) {
    tell('giving up');
    process.exit(1);
  }
  pid = await resume(crashes > 1 ? 1 : 0);
}
const code = Number(readFileSync(exitCodeFile, 'utf8'));
tell(`ended with exit code ${code}`);
process.exit(code);
