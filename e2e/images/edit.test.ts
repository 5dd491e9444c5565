import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, openSync, readFileSync, readSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { IMAGE_TYPES, PE_PARENT, PE_PRESENT, RAW_IMAGE_TYPES, pagemapOf, readPagemap, writePagemap } from '@criu-ts/images';
import { createImageSet } from '@criu-ts/images/node';
import t, { type Test } from 'tap';
import { critShow } from '../harness/crit.js';
import { compile } from '../harness/programs.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded } from '../harness/round-trip.js';
import { peer, toolUnderTest } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';
import { Workspace, describeRun } from '../harness/workspace.js';

// Checkpoints that `criu-ts edit` made: the program that comes back has what was asked for, and all the rest as it was.
t.setTimeout(420_000);
const skip = skipReason();

/** Not a constant of the program: in no file but those that the program made. */
const TOKEN = `s3cr3t-${process.pid}-of-the-test`;
const STARS = '*'.repeat(TOKEN.length);

async function start(ws: Workspace): Promise<Victim> {
  const victim = await ws.launch(['/usr/bin/env', `TOKEN=${TOKEN}`, 'VARIABLE=before-the-dump', compile('edited')], 'edited');
  await victim.ready();
  return victim;
}

/** Dumps a victim; its images. */
async function dumped(t: Test, ws: Workspace, victim: Victim): Promise<string> {
  const images = ws.folder('images');
  succeeded(t, await ws.dump(toolUnderTest(), victim.pid, images), 'it is dumped');
  await waitFor('it to be gone', () => !victim.lives);
  return images;
}

async function edit(t: Test, ws: Workspace, images: string, out: string, args: readonly string[]): Promise<string> {
  const result = path.join(ws.dir, out);
  const run = await ws.run(toolUnderTest(), ['edit', ...args, images, result]);
  t.equal(run.code, 0, run.code === 0 ? `edit ${args.join(' ')}` : describeRun(run));
  const verify = await ws.run(toolUnderTest(), ['verify', result]);
  t.equal(verify.code, 0, verify.output);
  return result;
}

async function told(victim: Victim, what: string): Promise<string> {
  return (await victim.line(new RegExp(`^${what} `))).slice(what.length + 1);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Is a text anywhere in a process's memory? */
function inMemory(pid: number, text: string): boolean {
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1')
      .split('\n')
      .filter((line) => / r..[ps] |^\S+ r/.test(line) && !/\[v(var|syscall|var_vclock)\]/.test(line))
      .some((line) => {
        const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+)/.exec(line)!;
        const bytes = Buffer.alloc(Number.parseInt(to!, 16) - Number.parseInt(from!, 16));
        readSync(fd, bytes, 0, bytes.length, Number.parseInt(from!, 16));
        return bytes.includes(text);
      });
  } finally {
    closeSync(fd);
  }
}

const inFiles = (directory: string, text: string): string[] => readdirSync(directory).filter((name) => readFileSync(path.join(directory, name)).includes(text));

t.test('port, variable, path, user and secret, all at once', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await start(ws);
  const port = await told(victim, 'port');
  t.ok(inMemory(victim.pid, TOKEN), 'the living process has the secret');
  const images = await dumped(t, ws, victim);
  t.ok(inFiles(images, TOKEN).length >= 4, `so have the images: ${inFiles(images, TOKEN).join(' ')}`);
  const [data, moved] = [path.join(victim.dir, 'data'), path.join(victim.dir, 'moved')];
  const newPort = await freePort();
  const out = await edit(t, ws, images, 'out', ['--port', `${port}=${newPort}`, '--env', 'VARIABLE=after', '--path', `${data}=${moved}`, '--uid', '0=4321', '--gid', '0=4322', '--redact-text', TOKEN]);
  t.same(inFiles(out, TOKEN), [], 'it is in no byte of the result');
  renameSync(data, moved);
  if (!succeeded(t, await ws.restore(toolUnderTest(), out), 'it is restored')) return;
  t.notOk(inMemory(victim.pid, TOKEN), 'it is nowhere in the memory of the restored process');
  const status = readFileSync(`/proc/${victim.pid}/status`, 'latin1');
  t.match(status, /^Uid:\t4321\t4321\t4321\t4321$/m);
  t.match(status, /^Gid:\t4322\t4322\t4322\t4322$/m);
  const environ = readFileSync(`/proc/${victim.pid}/environ`, 'latin1').split('\0');
  t.ok(environ.includes('VARIABLE=after') && environ.includes(`TOKEN=${STARS}`), environ.join(' '));
  t.equal(readlinkSync(`/proc/${victim.pid}/fd/4`), path.join(moved, 'file'));
  t.ok(readFileSync(`/proc/${victim.pid}/maps`, 'latin1').includes(path.join(moved, 'file')), 'the mapping, too');
  const listening = spawnSync('sh', ['-c', `grep -c ":$(printf %04X ${newPort}) 00000000:0000 0A" /proc/${victim.pid}/net/tcp`], { encoding: 'utf8' });
  t.equal(listening.stdout.trim(), '1', `it listens at ${newPort}`);
  const verdicts = await victim.verify();
  t.ok(verdicts.length >= 2 && verdicts.every(({ ok }) => ok), JSON.stringify(verdicts));
  t.equal(await told(victim, 'port now'), String(newPort));
  t.equal(await told(victim, 'variable'), 'after', 'getenv finds it');
  for (const what of ['token', 'heap', 'shared', 'pipe', 'queue', 'removed']) t.equal(await told(victim, what), STARS, what);
});

t.test('packed and unpacked: the same bytes; packed, it is restored', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await start(ws);
  const images = await dumped(t, ws, victim);
  const packed = await edit(t, ws, images, 'packed', ['--compress', 'lz4', '--checksum']);
  const pages = readdirSync(images).filter((name) => name.startsWith('pages-'));
  t.same(readdirSync(packed).filter((name) => name.startsWith('pages-')), pages.map((name) => name.replace('.img', '.lz4')));
  const unpacked = await edit(t, ws, packed, 'unpacked', ['--compress', 'none', '--no-checksum']);
  for (const name of readdirSync(unpacked)) t.ok(readFileSync(path.join(unpacked, name)).equals(readFileSync(path.join(images, name))), `${name} is as it was dumped`);
  if (!succeeded(t, await ws.restore(toolUnderTest(), packed), 'it is restored')) return;
  const verdicts = await victim.verify();
  t.ok(verdicts.every(({ ok }) => ok), JSON.stringify(verdicts));
  t.equal(await told(victim, 'heap'), TOKEN);
});

/** Leaves every other run of pages to a parent, as an incremental dump does. */
function leaveToParent(directory: string): number {
  const set = createImageSet(directory, 'replace');
  using _closed = set.directory;
  let left = 0;
  for (const id of set.ids(IMAGE_TYPES.pagemap)) {
    const map = readPagemap(set, IMAGE_TYPES.pagemap, id);
    const all = set.readRaw(RAW_IMAGE_TYPES.pages, map.pagesId);
    const kept: Uint8Array[] = [];
    let at = 0;
    const rows = Array.from(map.vaddr, (vaddr, i) => {
      const [nrPages, flags] = [map.nrPages[i]!, map.flags[i]!];
      const bytes = flags & PE_PRESENT ? all.subarray(at, (at += nrPages * 4096)) : new Uint8Array(0);
      if (i % 2 === 0) left += bytes.length;
      else kept.push(bytes);
      return { vaddr, nrPages, flags: i % 2 === 0 && bytes.length > 0 ? PE_PARENT : flags };
    });
    writePagemap(set, IMAGE_TYPES.pagemap, id, pagemapOf(map.pagesId, rows));
    set.writeRaw(RAW_IMAGE_TYPES.pages, map.pagesId, Buffer.concat(kept));
  }
  return left;
}

t.test('a chain of parents becomes one set, which is restored', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await start(ws);
  const images = await dumped(t, ws, victim);
  const child = path.join(ws.dir, 'child');
  cpSync(images, child, { recursive: true });
  symlinkSync('../images', path.join(child, 'parent'));
  t.ok(leaveToParent(child) > 0, 'a part is with the parent');
  const merged = await edit(t, ws, child, 'merged', ['--merge-parents', '--deduplicate']);
  t.notOk(readdirSync(merged).includes('parent'));
  rmSync(child, { recursive: true });
  renameSync(images, path.join(ws.dir, 'elsewhere'));
  if (!succeeded(t, await ws.restore(toolUnderTest(), merged), 'it is restored')) return;
  const verdicts = await victim.verify();
  t.ok(verdicts.every(({ ok }) => ok), JSON.stringify(verdicts));
  for (const what of ['token', 'heap', 'shared', 'pipe', 'queue', 'removed']) t.equal(await told(victim, what), TOKEN, what);
});

t.test('what a parent has is left to it, and comes back by merging', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await start(ws);
  const images = await dumped(t, ws, victim);
  const copy = path.join(ws.dir, 'copy');
  cpSync(images, copy, { recursive: true });
  symlinkSync('../images', path.join(copy, 'parent'));
  const thin = await edit(t, ws, copy, 'thin', ['--deduplicate']);
  const size = (directory: string): number => readdirSync(directory).filter((name) => name.startsWith('pages-')).reduce((sum, name) => sum + readFileSync(path.join(directory, name)).length, 0);
  t.equal(size(thin), 0, 'all of it is with the parent');
  t.equal(readlinkSync(path.join(thin, 'parent')), '../images');
  const merged = await edit(t, ws, thin, 'merged', ['--merge-parents']);
  for (const name of readdirSync(images).filter((name) => name.startsWith('pages-'))) t.ok(readFileSync(path.join(merged, name)).equals(readFileSync(path.join(images, name))), name);
});

t.test('the host’s name', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await ws.launch(['unshare', '--uts', 'sh', '-c', 'hostname before && exec sleep 1000'], 'named');
  await waitFor('it to sleep', () => readFileSync(`/proc/${victim.pid}/comm`, 'latin1') === 'sleep\n');
  const images = await dumped(t, ws, victim);
  const out = await edit(t, ws, images, 'out', ['--hostname', 'after.example']);
  if (!succeeded(t, await ws.restore(toolUnderTest(), out), 'it is restored')) return;
  t.equal(spawnSync('nsenter', ['-t', String(victim.pid), '-u', 'hostname'], { encoding: 'utf8' }).stdout, 'after.example\n');
});

const criu = peer();
t.test('CRIU restores what was edited, and crit reads it', { skip: skip || (criu ? false : 'no CRIU= is given') }, async (t) => {
  await using ws = new Workspace();
  const victim = await start(ws);
  const images = await dumped(t, ws, victim);
  const port = await freePort();
  const out = await edit(t, ws, images, 'out', ['--port', `${await told(victim, 'port')}=${port}`, '--env', 'VARIABLE=after', '--redact-text', TOKEN, '--deduplicate']);
  const files = readdirSync(out).filter((name) => name.endsWith('.img') && !name.startsWith('pages-'));
  const shown = await critShow(criu!, files.map((name) => path.join(out, name)));
  t.same([...shown.keys()].sort(), files.sort());
  if (!succeeded(t, await ws.restore(criu!, out), 'it is restored')) return;
  const verdicts = await victim.verify();
  t.ok(verdicts.every(({ ok }) => ok), JSON.stringify(verdicts));
  t.equal(await told(victim, 'port now'), String(port));
  for (const what of ['heap', 'shared', 'pipe', 'queue', 'removed']) t.equal(await told(victim, what), STARS, what);
});

t.test('interrupted, nothing is left', { skip }, async (t) => {
  await using ws = new Workspace();
  const victim = await start(ws);
  const images = await dumped(t, ws, victim);
  // So many that it takes seconds.
  const secrets = path.join(ws.dir, 'secrets');
  writeFileSync(secrets, Array.from({ length: 3000 }, (_, i) => `nowhere-${i}\n`).join(''));
  const before = readdirSync(ws.dir);
  const run = await ws.run(toolUnderTest(), ['edit', '--redact-file', secrets, images, path.join(ws.dir, 'out')], {
    meanwhile: async (pid) => {
      // As soon as it writes, and not before it listens to signals.
      await waitFor('it to write', () => readdirSync(ws.dir).some((name) => name.includes('.partial-')), 30_000);
      process.kill(pid, 'SIGTERM');
    },
  });
  t.equal(run.code, 130, describeRun(run));
  t.same(readdirSync(ws.dir).filter((name) => !name.startsWith('tool-')), before.filter((name) => !name.startsWith('tool-')));
});
