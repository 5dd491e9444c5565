import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { JsonObject, JsonValue } from '@criu-ts/images';
import { INSPECT_SCHEMA, MemorySink, MemorySource, coreOf, diffCheckpoints, htmlOf, imageFromJson, imageToJson, imageToText, imageTypeOfName, isRaw, parseJson, reportOf, textOf, verifyCheckpoint, writeJson } from '@criu-ts/images';
import { openCheckpoint } from '@criu-ts/images/node';
import { violations } from '@criu-ts/images/testing/schema';
import t, { type Test } from 'tap';
import { repository } from '../harness/repository.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { peer, toolUnderTest } from '../harness/tool.js';
import { Workspace } from '../harness/workspace.js';

// Whatever criu-ts dumps can be looked at: images of every program of `programs/`, through all that the images' commands do.
t.setTimeout(600_000);

/** What a program needs to be started or dumped. */
const NEEDS: Readonly<Record<string, { readonly args?: readonly string[]; readonly options?: readonly string[]; readonly terminals?: true }>> = {
  churn: { args: ['maps'] },
  creds: { args: ['drop'] },
  files_odd: { options: ['--file-locks'] },
  forest: { args: ['20'] },
  identity: { args: ['with', 'some', 'arguments'] },
  main_ended: { options: ['--file-locks'] },
  many_files: { args: ['200'] },
  many_vmas: { args: ['500'] },
  ptys: { terminals: true },
  system_v_sem: { args: ['plain'] },
  system_v_shm: { args: ['keep'] },
};

/** No victims, or none of one kind of object that can be dumped; `ptys_odd`, `kinship` and `edited` are started with others. */
const LEFT_OUT: ReadonlySet<string> = new Set(['shepherd', 'refused', 'odd', 'io_uring_busy', 'ptys_odd', 'kinship', 'edited', 'restarts', 'touched', 'removed', 'exits', 'stopped']);

const programs = readdirSync(path.join(repository, 'e2e/programs'))
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2))
  .filter((name) => !LEFT_OUT.has(name));

/** CRIU's crit of its source tree: what `crit show` tells of each file, a line of JSON each, all in one Python. */
const CRIT = `
import sys, types, io, contextlib, json
try:
    import crit.version
except ImportError:
    version = types.ModuleType('crit.version'); version.__version__ = 'unknown'; sys.modules['crit.version'] = version
import crit.__main__
for name in sys.argv[1:]:
    sys.argv = ['crit', 'show', name]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        crit.__main__.main()
    print(json.dumps(json.loads(out.getvalue())))
`;

/** Kinds that crit 4.2 can't show, or not all of: see the images' README. */
const BEYOND_CRIT = /^(signal-[sp]-|pidfd|bpfmap-data|ipcns-shm|pages-)/;

/** Names of fields from number 1000 on, which are ours (docs/decisions/0021). */
const protos = path.join(repository, 'packages/images/src/proto');
const OURS = new Set(readdirSync(protos).flatMap((name) => [...readFileSync(path.join(protos, name), 'latin1').matchAll(/(\w+) = 1\d{3}\b/g)].map(([, field]) => field!)));

/** Where crit tells another thing than we do, but for what it can't know. */
function differences(ours: JsonValue | undefined, theirs: JsonValue | undefined, place: string): string[] {
  if (Array.isArray(ours) && Array.isArray(theirs)) return Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => differences(ours[i], theirs[i], `${place}[${i}]`)).flat();
  if (isObject(ours) && isObject(theirs)) {
    const keys = new Set([...Object.keys(theirs), ...Object.keys(ours).filter((key) => key in theirs || !OURS.has(key))]);
    return [...keys].flatMap((key) => differences(ours[key], theirs[key], `${place}.${key}`));
  }
  // A descriptor of a kind of our own: to crit, it is a number.
  return ours === theirs || (typeof ours === 'string' && OURS.has(ours) && theirs === 1000) ? [] : [`${place}: ${writeJson(ours ?? null)}, to crit ${writeJson(theirs ?? null)}`];
}

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function comparedWithCrit(t: Test, files: readonly string[]): void {
  const criu = peer();
  if (criu === undefined) {
    t.pass('crit', { skip: 'no CRIU= to compare with' });
    return;
  }
  const tree = path.resolve(criu.command[0] ?? '', '../..');
  const env = { ...process.env, PYTHONPATH: [path.join(tree, 'crit'), path.join(tree, 'lib')].join(':') };
  const shown = execFileSync('/usr/bin/python3', ['-c', CRIT, ...files], { env, encoding: 'utf8', maxBuffer: 2 ** 28 }).trim().split('\n');
  const differing = files.flatMap((file, i) => differences(parseJson([...imageToText(new MemorySource(path.basename(file), readFileSync(file)), { pretty: true })].join('')), parseJson(shown[i]!), file.split('/').slice(-2).join('/')));
  t.same(differing.slice(0, 10), [], `shown as crit shows them: ${files.length} images`);
}

async function looksRight(t: Test, images: string, other: string | undefined): Promise<void> {
  const differing: string[] = [];
  for (const name of readdirSync(images)) {
    const found = imageTypeOfName(name);
    if (found === undefined || (isRaw(found.type) && found.type.holds === 'pages')) continue;
    const bytes = readFileSync(path.join(images, name));
    for (const pretty of [false, true]) {
      const sink = new MemorySink(name);
      imageFromJson(imageToJson(new MemorySource(name, bytes), { pretty }), sink);
      if (!bytes.equals(sink.bytes())) differing.push(`${name}${pretty ? ', pretty' : ''}`);
    }
  }
  t.same(differing, [], 'every image comes back byte for byte');

  using checkpoint = await openCheckpoint(images);
  t.same(await verifyCheckpoint(checkpoint), [], 'it is whole');
  const report = await reportOf(checkpoint);
  t.same(report.problems, [], 'nothing of it could not be told');
  t.same(violations(JSON.parse(JSON.stringify(report)), INSPECT_SCHEMA as Record<string, unknown>), [], 'the report is as its schema says');
  t.ok([...textOf(report, { all: true })].length > report.processes.length && (await htmlOf(report)).endsWith('</html>\n'), 'as text and as a page');
  t.equal((await diffCheckpoints(checkpoint, checkpoint)).same, true, 'no difference from itself');
  if (other !== undefined) {
    using another = await openCheckpoint(other);
    t.equal((await diffCheckpoints(checkpoint, another)).same, false, 'but from another');
  }
  for (const process of await checkpoint.processes()) {
    if (process.isZombie) continue;
    let size = 0;
    for await (const piece of coreOf(process)) size += piece.length;
    if (size < 4096) t.fail(`the core of process ${process.pid} has ${size} bytes`);
  }
}

t.test('images of every program', { skip: skipReason() }, async (t) => {
  const tool = toolUnderTest();
  let previous: string | undefined;
  const shown: string[] = [];
  await using all = new Workspace();
  for (const program of programs) {
    await t.test(program, async (t) => {
      const { args = [], options = [], terminals = false } = NEEDS[program] ?? {};
      await using ws = new Workspace({ ownTerminals: terminals });
      const victim = await ws.start(program, args);
      if (victim.skipped !== '') return void t.pass('not here', { skip: victim.skipped });
      const images = all.folder(program);
      if (!succeeded(t, await ws.dump(tool, victim.pid, images, ['--leave-running', ...options]), 'dumped')) return;
      await looksRight(t, images, previous);
      shown.push(...readdirSync(images).filter((name) => imageTypeOfName(name) !== undefined && !isRaw(imageTypeOfName(name)!.type) && !BEYOND_CRIT.test(name)).map((name) => path.join(images, name)));
      previous = images;
    });
  }
  comparedWithCrit(t, shown);
});
