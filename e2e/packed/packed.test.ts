import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { compile } from '../harness/programs.js';
import { repository } from '../harness/repository.js';
import { skipReason } from '../harness/requirements.js';
import { waitFor } from '../harness/wait.js';
import { BareRoot, type Outcome } from './bare-root.js';
import { emptyProject, installedIn, layOut, withDependencies } from './installed.js';

// The tarballs on a machine as a user has it: Node and npm, no compiler, no repository, no network.

t.setTimeout(600_000);

interface Workflow {
  readonly jobs: { readonly inspect: { readonly steps: readonly { readonly name?: string; readonly run?: string }[] } };
}

const embedding = `
import { dump, restore } from '@criu-ts/core';
import { mkdirSync, readFileSync } from 'node:fs';
const pid = Number(process.argv[2]);
mkdirSync('embedded');
const dumped = await dump({ pid, imagesDir: 'embedded' });
console.log('dumped', dumped.tasks);
while (true) {
  try {
    const restored = await restore({ imagesDir: 'embedded' });
    console.log('restored', restored.pid === pid);
    process.kill(pid, 'SIGKILL');
    console.log('ended', JSON.stringify(await restored.wait()));
    break;
  } catch (error) {
    // The first process of this machine reaps once a second.
    if (error.errno !== 'EEXIST' && error.code !== 'host-pid-taken') throw error;
  }
}
`;

const consumer = `
import { type CriuEvent, CriuError, dump, type DumpResult, ManyProblems, restore } from '@criu-ts/core';
import { dump as dumpAlone } from '@criu-ts/core/dump';
import { restore as restoreAlone } from '@criu-ts/core/restore';
import { Unsupported } from '@criu-ts/core/errors';
import { IMAGE_TYPES, MemoryDirectory, ImageSet } from '@criu-ts/images';
import { openImageSet } from '@criu-ts/images/node';
import { O } from '@criu-ts/kernel/abi';
import { parseMaps } from '@criu-ts/kernel/procfs';
import { open } from '@criu-ts/kernel/sys';
import * as netlink from '@criu-ts/kernel/netlink';
import { Tracee } from '@criu-ts/tracee';
import { openCrc32c, threadMemory } from '@criu-ts/wasm';

const events: CriuEvent[] = [];
const result: DumpResult = await dump({ pid: 1, imagesDir: '/x', leaveRunning: true, signal: AbortSignal.timeout(5), onEvent: (event) => events.push(event) });
const { wait, pid }: { wait: () => Promise<unknown>; pid: number } = await restore({ imagesDir: '/x' });
const comm: string | undefined = openImageSet('/x').readOne(IMAGE_TYPES.core, pid).tc?.comm;
const ids: bigint[] = new ImageSet(new MemoryDirectory()).ids(IMAGE_TYPES.mm);
const end: bigint | number | undefined = parseMaps(Buffer.from(''))[0]?.end;
export const all = [result.tasks, wait, comm, ids, end, dumpAlone, restoreAlone, open('/', O.RDONLY), netlink, Tracee, openCrc32c(threadMemory())];
try {
  await dump({ pid: 1, imagesDir: '/x' });
} catch (error) {
  if (error instanceof ManyProblems) for (const { code, hint } of error.problems) console.log(code, hint?.length);
  else if (error instanceof Unsupported || error instanceof CriuError) console.log(error.why);
}
// @ts-expect-error: a pid is a number
void dump({ pid: '1', imagesDir: '/x' });
// @ts-expect-error: imagesDir is missing
void restore({});
`;

const browserConsumer = `
import { IMAGE_TYPES, ImageSet, MemoryDirectory } from '@criu-ts/images';
export const names: string[] = [...new ImageSet(new MemoryDirectory()).entries(IMAGE_TYPES.files)].flatMap(({ reg }) => (reg ? [reg.name] : []));
`;

function well(t: Test, run: Outcome, what: string): boolean {
  return t.equal(run.code, 0, what, { output: run.output.slice(-3000) });
}

function typeChecks(t: Test, project: string, file: string, options: Readonly<Record<string, unknown>>, title: string): void {
  const config = path.join(project, `tsconfig.${path.basename(file)}.json`);
  writeFileSync(config, JSON.stringify({ compilerOptions: { strict: true, noEmit: true, target: 'es2022', skipLibCheck: false, ...options }, files: [file] }));
  // With a clean environment: tap makes every node preload things that tsc can't stand.
  const run = spawnSync('env', ['-i', `PATH=${process.env['PATH']}`, path.join(repository, 'node_modules/.bin/tsc'), '-p', config], { encoding: 'utf8' });
  t.same([run.status, run.stdout, run.stderr], [0, '', ''], title);
}

t.test('tarballs on a bare machine', { skip: skipReason() }, async (t) => {
  await using bare = await BareRoot.make();
  const tarballs = layOut(path.join(bare.home, 'tarballs'));
  const file = (name: string): string => `/home/tarballs/${tarballs[name] ?? 'missing'}`;
  const counter = path.join(bare.home, 'counter');
  cpSync(compile('counter'), counter);
  const app = path.join(bare.home, 'app');

  /** Starts the counting program in there, detached; its pid and what it has counted so far. */
  const startCounter = async (name: string): Promise<{ pid: number; counted: () => number }> => {
    const out = path.join(bare.home, `${name}.out`);
    const run = bare.run(['sh', '-c', `setsid --fork sh -c 'echo $$ >/home/${name}.pid; exec /home/counter' </dev/null >>/home/${name}.out 2>&1`]);
    if (run.code !== 0) throw new Error(run.output);
    const counted = (): number => Number(/(\d+)\n$/.exec(existsSync(out) ? readFileSync(out, 'latin1') : '')?.[1] ?? -1);
    await waitFor('the counter to count', () => counted() >= 2, 30_000);
    return { pid: Number(readFileSync(path.join(bare.home, `${name}.pid`), 'latin1')), counted };
  };
  const gone = (pid: number): Promise<unknown> => waitFor(`process ${pid} to be gone`, () => bare.run(['sh', '-c', `test ! -e /proc/${pid}`]).code === 0, 30_000);

  t.test('nothing to build with is there', async (t) => {
    for (const name of ['gcc', 'cc', 'clang', 'ld', 'emcc', 'protoc', 'python3', 'make', 'git', 'criu']) {
      t.not(bare.run(['sh', '-c', `command -v ${name}`]).code, 0, name);
    }
    t.not(bare.run(['sh', '-c', `test -e ${repository}`]).code, 0, 'the repository');
  });

  await t.test('npm install', async (t) => {
    emptyProject(app);
    well(t, bare.run(['npm', 'install', ...Object.keys(tarballs).map(file)], { cwd: '/home/app' }), 'of all tarballs');
    t.same(installedIn(app).filter((name) => name.startsWith('@criu-ts/')), Object.keys(tarballs).filter((name) => name.startsWith('@criu-ts/')).sort(), 'all packages');
    for (const name of installedIn(app).filter((name) => name.startsWith('@criu-ts/'))) {
      const files = readdirSync(path.join(app, 'node_modules', name), { recursive: true, encoding: 'utf8' });
      for (const needed of ['LICENSE', 'README.md']) t.ok(files.includes(needed), `${name} has ${needed}`);
      t.same(files.filter((one) => /\.test\.|\/testing\/|tsbuildinfo|\.c$|\.map$/.test(one) || (one.endsWith('.ts') && !one.endsWith('.d.ts'))), [], `${name} has nothing else`);
    }
  });

  await t.test('the command line', async (t) => {
    const version = bare.run(['npx', 'criu-ts', '--version'], { cwd: '/home/app' });
    t.match(version.output, /^criu-ts \d+\.\d+\.\d+ /m, '--version');
    const check = bare.run(['npx', 'criu-ts', 'check'], { cwd: '/home/app' });
    t.equal(check.code, 0, 'check', { output: check.output });
    t.match(check.output, /Looks good/, 'all that is needed is there');
    const { pid, counted } = await startCounter('cli');
    mkdirSync(path.join(app, 'images'));
    if (!well(t, bare.run(['npx', 'criu-ts', 'dump', '-t', String(pid), '-D', 'images'], { cwd: '/home/app' }), 'dump')) return;
    await gone(pid);
    const before = counted();
    if (!well(t, bare.run(['npx', 'criu-ts', 'restore', '-D', 'images', '-d'], { cwd: '/home/app' }), 'restore')) return;
    await waitFor('the counter to count on', () => counted() > before + 2, 30_000);
    const numbers = readFileSync(path.join(bare.home, 'cli.out'), 'latin1').trim().split('\n').slice(1).map(Number);
    t.same(numbers, numbers.map((_, i) => i), 'it counted on where it stood');
    const ps = bare.run(['npx', 'criu-images', 'x', 'images', 'ps'], { cwd: '/home/app' });
    t.match(ps.output, new RegExp(`${pid} .*counter`), 'criu-images sees it');
    bare.run(['sh', '-c', `kill -9 ${pid}`]);
  });

  await t.test('embedded', async (t) => {
    const { pid, counted } = await startCounter('embedded');
    writeFileSync(path.join(app, 'embedding.mjs'), embedding);
    const run = bare.run(['node', 'embedding.mjs', String(pid)], { cwd: '/home/app' });
    t.match(run.output, /dumped 1\nrestored true\nended \{"signal":9\}/, 'dumped, restored, ended');
    t.ok(counted() >= 2);
  });

  await t.test('the images alone', async (t) => {
    const alone = path.join(bare.home, 'alone');
    emptyProject(alone);
    const needed = withDependencies(['@criu-ts/images']);
    well(t, bare.run(['npm', 'install', ...needed.map(file)], { cwd: '/home/alone' }), 'npm install');
    t.same(installedIn(alone), needed, 'what it depends on, and nothing else');
    t.same(needed.filter((name) => /koffi|criu-ts\/(?!images|wasm)/.test(name)), [], 'no koffi, nothing that needs Linux');
    t.same(readdirSync(alone, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.node')), [], 'nothing native');
    const decoded = bare.run(['npx', 'criu-images', 'decode', '-i', '../app/images/pstree.img'], { cwd: '/home/alone' });
    t.match(JSON.parse(decoded.output), { magic: 'PSTREE' }, 'decode');
    // As whoever looks at a checkpoint that somebody else made: no root, no capabilities, nothing to write to.
    chmodSync(path.join(app, 'images'), 0o755);
    for (const name of readdirSync(path.join(app, 'images'))) chmodSync(path.join(app, 'images', name), 0o644);
    const nobody = (...args: string[]): Outcome => bare.run(['npx', 'criu-images', ...args], { cwd: '/home/alone', user: 65534, env: { HOME: '/tmp/nobody', npm_config_cache: '/tmp/nobody/.npm' } });
    const inspected = nobody('inspect', '../app/images');
    t.equal(inspected.code, 0, 'inspect as nobody', { output: inspected.output });
    t.match(inspected.output, /^\d+ counter {2}\/home\/counter/m, 'the process');
    t.match(JSON.parse(nobody('inspect', '--json', '../app/images').output), { processes: [{ name: 'counter' }], problems: [] }, 'and all of it, memory included');
    t.match(nobody('verify', '../app/images').output, /: whole$/m, 'verify');
    t.match(nobody('verify', '--host', '../app/images'), { code: 2, output: /criu-ts, of @criu-ts\/cli/ }, 'the host is not its affair');
    writeFileSync(path.join(alone, 'browser.ts'), browserConsumer);
    typeChecks(t, alone, 'browser.ts', { module: 'esnext', moduleResolution: 'bundler', types: [] }, 'type-checks as for a browser');
  });

  await t.test('examples/supervisor', async (t) => {
    const example = '/home/app/examples/supervisor';
    cpSync(path.join(repository, 'examples'), path.join(app, 'examples'), { recursive: true });
    const job = path.join(bare.home, 'job');
    const log = (): string => (existsSync(path.join(job, 'supervisor.log')) ? readFileSync(path.join(job, 'supervisor.log'), 'utf8') : '');
    const output = (): string[] => (existsSync(path.join(job, 'output.log')) ? readFileSync(path.join(job, 'output.log'), 'utf8').trim().split('\n') : []);
    const supervise = (): void => {
      bare.run(['sh', '-c', `setsid --fork sh -c 'echo $$ >/home/supervisor.pid; exec node ${example}/supervisor.mjs --every 0.5 --dir /home/job -- /home/counter' </dev/null >>/home/supervisor.out 2>&1`], { env: { E2E_GO: '/home/job/go' } });
    };
    const kill = (pid: string | number): Outcome => bare.run(['sh', '-c', `kill -9 ${pid}`]);
    const said = (what: RegExp, times = 1): Promise<unknown> =>
      waitFor(() => `${times} times ${what} in:\n${log().slice(-2000)}\n${readFileSync(path.join(bare.home, 'supervisor.out'), 'utf8').slice(-1000)}`, () => log().split('\n').filter((line) => what.test(line)).length >= times, 60_000);

    supervise();
    await said(/checkpoint 2: stood still/);
    t.same(output()[0], 'ready', 'it was started');
    const pid = Number(/process (\d+)/.exec(log())?.[1]);
    kill(pid);
    await said(/resumed from checkpoint \d+ as process/);
    t.equal(output().filter((line) => line === 'ready').length, 1, 'after a crash it went on, and did not begin anew');

    await said(/checkpoint \d+: stood still/, 4);
    // The newest checkpoint is of no use: the one before it is.
    const supervisor = readFileSync(path.join(bare.home, 'supervisor.pid'), 'utf8').trim();
    kill(supervisor);
    kill(pid);
    const numbers = (): number[] => readdirSync(path.join(job, 'checkpoints')).filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b);
    const newest = numbers().at(-1) ?? 0;
    writeFileSync(path.join(job, 'checkpoints', String(newest), 'pstree.img'), 'rubbish');
    supervise();
    await said(new RegExp(`checkpoint ${newest} is of no use \\(image-corrupt\\)`));
    await said(new RegExp(`resumed from checkpoint ${newest - 1} `));
    t.notMatch(log(), /no checkpoint can be/);
    writeFileSync(path.join(job, 'go'), '');
    await said(/ended with exit code 0/);
    t.match(output().at(-1), /done/, 'and ended well');
    t.equal(output().filter((line) => line === 'ready').length, 1, 'all of it was one computation');
    t.same(readFileSync(path.join(job, 'exit-code'), 'utf8'), '0\n', 'its exit code is known');
    typeChecks(t, app, 'examples/supervisor/supervisor.mjs', { module: 'nodenext', allowJs: true, checkJs: true, types: ['node'] }, 'its comments type-check');
  });

  await t.test('examples/ci', async (t) => {
    const project = path.join(bare.home, 'alone');
    const workflow = parse(readFileSync(path.join(repository, 'examples/ci/inspect-images.yml'), 'utf8')) as Workflow;
    const steps = workflow.jobs.inspect.steps.flatMap(({ name, run }) => (run === undefined ? [] : [{ name, run }]));
    t.same(steps.map(({ name }) => name), ['Install', 'Inspect', 'Keep the process list'], 'steps that run something');
    mkdirSync(path.join(project, 'ci'));
    cpSync(path.join(repository, 'examples/ci/inspect-images.mjs'), path.join(project, 'ci/inspect-images.mjs'));
    cpSync(path.join(app, 'images'), path.join(project, 'checkpoints/counter'), { recursive: true });
    const summary = path.join(project, 'summary.md');
    // As GitHub runs a step; the package is installed already, from its tarball.
    const step = (wanted: string): Outcome => bare.run(['sh', '-e', '-c', steps.find(({ name }) => name === wanted)?.run ?? 'exit 99'], { cwd: '/home/alone', env: { GITHUB_STEP_SUMMARY: '/home/alone/summary.md' } });

    const home = step('Inspect');
    t.equal(home.code, 1, 'the counter was a file below /home, which the workflow forbids');
    t.match(home.output, /::error file=checkpoints\/counter\/files\.img::\/home\/counter is open/, 'and says so beside the file');
    const relaxed = bare.run(['node', 'ci/inspect-images.mjs', 'checkpoints/counter'], { cwd: '/home/alone' });
    t.equal(relaxed.code, 0, 'otherwise it is well', { output: relaxed.output });
    t.match(readFileSync(summary, 'utf8'), /\| \d+ \| 0 \| counter \| 1 \| \d+ \|/, 'the summary has a table of processes');
    t.match(step('Keep the process list').output, /counter/, 'the list of processes');
    writeFileSync(path.join(project, 'checkpoints/counter/files.img'), readFileSync(path.join(project, 'checkpoints/counter/files.img')).subarray(0, -3));
    const damaged = bare.run(['node', 'ci/inspect-images.mjs', 'checkpoints/counter'], { cwd: '/home/alone' });
    t.equal(damaged.code, 1, 'a damaged image fails the job');
    t.match(damaged.output, /::error file=checkpoints\/counter\/files\.img::/, 'by its name');
    typeChecks(t, project, 'ci/inspect-images.mjs', { module: 'nodenext', allowJs: true, checkJs: true, typeRoots: ['../app/node_modules/@types'], types: ['node'] }, 'its comments type-check');
  });

  await t.test('docs/checkpoints-in-ci.md', async (t) => {
    const text = readFileSync(path.join(repository, 'docs/checkpoints-in-ci.md'), 'utf8');
    const block = (language: string): string => text.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? '';
    const project = path.join(bare.home, 'alone');
    mkdirSync(path.join(project, '.github'));
    writeFileSync(path.join(project, '.github/checkpoint-policy.json'), block('json'));
    spawnSync('tar', ['-czf', path.join(project, 'checkpoint.tar.gz'), '-C', path.join(app, 'images'), '.']);
    const { steps } = (parse(block('yaml')) as { jobs: { verify: { steps: { name?: string; run?: string }[] } } }).jobs.verify;
    const runs = steps.flatMap(({ run }) => (run === undefined ? [] : [bare.run(['sh', '-e', '-c', run], { cwd: '/home/alone' })]));
    t.same(runs.map(({ code }) => code), [3, 0], 'its policy refuses a program of root; a page is made all the same', { runs });
    const sarif = JSON.parse(readFileSync(path.join(project, 'verify.sarif'), 'utf8')) as { runs: { results: { ruleId: string }[] }[] };
    t.ok(sarif.runs[0]!.results.some(({ ruleId }) => ruleId === 'policy-uid'), 'the findings are there to be shown');
    t.match(readFileSync(path.join(project, 'checkpoint.html'), 'utf8'), /^<!doctype html>/);
  });

  await t.test('types', async (t) => {
    writeFileSync(path.join(app, 'consumer.ts'), consumer);
    typeChecks(t, app, 'consumer.ts', { module: 'nodenext', moduleResolution: 'nodenext' }, 'nodenext');
    typeChecks(t, app, 'consumer.ts', { module: 'esnext', moduleResolution: 'bundler' }, 'bundler');
    typeChecks(t, app, 'consumer.ts', { module: 'nodenext', lib: ['es2023'] }, 'without the types of browsers');
  });
});
