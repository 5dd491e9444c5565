// The main job before the user's eyes: a counting program is dumped, is gone, is restored, and counts on.
// Every command that it runs is printed as one would type it. Exits 1 where anything is not as it should be.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const program = path.resolve('packages/cli/dist/criu-ts');
const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-demo-'));
const images = path.join(dir, 'images');
const output = path.join(dir, 'numbers');
mkdirSync(images);

const say = (text) => console.log(`\n\x1b[1m# ${text}\x1b[0m`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fail = (text) => {
  throw new Error(text);
};

function type(command, args) {
  console.log(`$ ${[path.basename(command), ...args].join(' ')}`);
  const run = spawnSync(command, args, { stdio: 'inherit', cwd: dir });
  if (run.status !== 0) fail(`${path.basename(command)} ended with ${run.status ?? run.signal}`);
}

/** What the program wrote: 1, 2, 3 … */
const numbers = () => (existsSync(output) ? readFileSync(output, 'utf8').trim().split(' ').map(Number) : []);

let shown = 0;
/** Shows the numbers as they come. */
async function watch(ms) {
  const until = Date.now() + ms;
  process.stdout.write('  …');
  while (Date.now() < until) {
    for (const n of numbers().slice(shown)) {
      process.stdout.write(` ${n}`);
      shown++;
    }
    await pause(50);
  }
  process.stdout.write('\n');
}

const isAlive = (pid) => existsSync(`/proc/${pid}`);

let pid;
try {
  const counter = path.join(dir, 'counter');
  const gcc = spawnSync('gcc', ['-O2', '-o', counter, 'tools/demo/counter.c'], { stdio: 'inherit' });
  if (gcc.status !== 0) fail('gcc could not build the counter');

  say('A program counts, five numbers a second.');
  // In a session of its own, with nothing of this terminal: it can come back without us.
  const child = spawn(counter, [output], { detached: true, stdio: 'ignore', cwd: '/' });
  pid = child.pid;
  const gone = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal)));
  console.log(`  its pid is ${pid}`);
  await watch(2000);

  say('It goes to disk.');
  type(program, ['dump', '-t', String(pid), '-D', 'images']);
  const signal = await gone;
  if (signal !== 'SIGKILL') fail(`it should have been killed, but ended with ${signal}`);
  const before = numbers();
  const size = readdirSync(images).reduce((sum, name) => sum + statSync(path.join(images, name)).size, 0);
  console.log(`  ${readdirSync(images).length} images, ${Math.round(size / 1024)} KiB`);

  say('It is gone: nobody counts.');
  if (isAlive(pid)) fail(`process ${pid} is still there`);
  console.log(`$ ls /proc/${pid}\n  no such process`);
  await watch(1000);
  if (numbers().length !== before.length) fail('somebody counted on');

  say('It comes back.');
  type(program, ['restore', '-D', 'images', '-d']);
  await watch(2000);

  const after = numbers();
  if (!isAlive(pid)) fail(`process ${pid} did not come back`);
  if (after.length <= before.length) fail('it does not count');
  const wrong = after.findIndex((n, i) => n !== i + 1);
  if (wrong !== -1) fail(`after ${after[wrong - 1]} came ${after[wrong]}`);
  say(`Process ${pid} is back under its pid, and counted on from ${before.at(-1)} to ${after.at(-1)}; no number is missing.\n`);
} catch (error) {
  console.error(`\ndemo: ${error.message}`);
  process.exitCode = 1;
} finally {
  if (pid !== undefined && isAlive(pid) && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'counter\n') process.kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}
