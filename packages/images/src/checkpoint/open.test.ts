import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { bytesAccess } from '../access/byte-access.js';
import { httpAccess } from '../access/http-access.js';
import type { MemoryDirectory } from '../io/directory.js';
import { VMA } from '../memory/vma-bits.js';
import { PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import { PAGE, at, page, pages, tinySet, vma } from '../testing/tiny-set.js';
import type { Checkpoint } from './checkpoint.js';
import { openCheckpoint } from './open-node.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-open-'));
t.teardown(() => rmSync(scratch, { recursive: true }));

function save(set: MemoryDirectory, directory: string): string {
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of set.files) writeFileSync(path.join(directory, name), bytes);
  return directory;
}

/** Large enough that a compressed archive has more than one of our blocks. */
const COUNT = 300;
const contents = pages(...Array.from({ length: COUNT }, (_, i) => page('a').map((byte, j) => byte + ((i * 7 + j) % 20))));
const set = tinySet([{ pid: 10, comm: 'saved', vmas: [vma(0, COUNT, VMA.anonPrivate)], rows: [[0, COUNT, PE_PRESENT]], contents }]);
const images = save(set, path.join(scratch, 'images'));

/** Whoever packs, and whenever: what is damaged below is always the same. */
const ALWAYS_THE_SAME = ['--sort=name', '--mtime=@1', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];

/** The archive that `tar` makes of a directory; the process that made it must have succeeded. */
function tar(directory: string, ...options: string[]): Buffer {
  const made = spawnSync('tar', ['-c', ...ALWAYS_THE_SAME, ...options, '-C', directory, '.'], { maxBuffer: 2 ** 28 });
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return made.stdout;
}

async function looksRight(t: Test, checkpoint: Checkpoint): Promise<void> {
  using open = checkpoint;
  const [process] = await open.processes();
  t.equal(process?.name, 'saved');
  const memory = await process!.memory();
  // Backwards, so that a compressed archive has to begin anew.
  for (const offset of [290 * PAGE, 3, 64 * PAGE - 5]) t.same(await memory.read(at(0) + BigInt(offset), 9), contents.slice(offset, offset + 9));
}

t.test('a directory', async (t) => looksRight(t, await openCheckpoint(images)));
t.test('files in memory', async (t) => looksRight(t, await openCheckpoint(set.files)));
t.test('an image directory', async (t) => looksRight(t, await openCheckpoint(set)));

for (const format of ['ustar', 'gnu', 'pax']) {
  t.test(`a tar, ${format}`, async (t) => looksRight(t, await openCheckpoint(tar(images, `--format=${format}`))));
}
t.test('a Blob', async (t) => looksRight(t, await openCheckpoint(new Blob([tar(images)]))));
t.test('a tar on disk', async (t) => {
  const file = path.join(scratch, 'images.tar');
  writeFileSync(file, tar(images));
  await looksRight(t, await openCheckpoint(file));
});
t.test('gzip', async (t) => looksRight(t, await openCheckpoint(gzipSync(tar(images)))));

const zstd = spawnSync('zstd', ['-q', '-c', '-3'], { input: tar(images), maxBuffer: 2 ** 28 });
t.test('zstd', { skip: zstd.status === 0 ? false : 'there is no zstd to pack with' }, async (t) => looksRight(t, await openCheckpoint(zstd.stdout)));

t.test('long names', async (t) => {
  const deep = path.join(scratch, 'long', 'd'.repeat(90), 'e'.repeat(90), 'f'.repeat(90));
  save(set, deep);
  for (const format of ['gnu', 'pax']) await looksRight(t, await openCheckpoint(tar(path.join(scratch, 'long'), `--format=${format}`)));
});

t.test('a container archive', async (t) => {
  const top = path.join(scratch, 'container');
  save(set, path.join(top, 'checkpoint'));
  writeFileSync(path.join(top, 'config.dump'), JSON.stringify({ name: 'web', id: 'abc', rootfsImageName: 'registry/web:1', checkpointedTime: '2026-01-02T03:04:05Z', runtime: 'runc' }));
  writeFileSync(path.join(top, 'network.status'), JSON.stringify({ podman: { interfaces: { eth0: { subnets: [{ ipnet: '10.88.0.5/16', gateway: '10.88.0.1' }], mac_address: '02:00:00:00:00:01' } } } }));
  writeFileSync(path.join(top, 'deleted.files'), '["/etc/motd"]');
  writeFileSync(path.join(top, 'spec.dump'), JSON.stringify({ annotations: { 'io.container.manager': 'libpod' } }));
  writeFileSync(path.join(top, 'rootfs-diff.tar'), 'x');
  for (const source of [top, gzipSync(tar(top))]) {
    const checkpoint = await openCheckpoint(source);
    const container = await checkpoint.container();
    t.match(container, { name: 'web', id: 'abc', image: 'registry/web:1', engine: 'podman', runtime: 'runc', checkpointedAt: '2026-01-02T03:04:05Z' });
    t.match(container, { networks: [{ network: 'podman', interface: 'eth0', address: '10.88.0.5/16', gateway: '10.88.0.1', hardware: '02:00:00:00:00:01' }], deletedFiles: ['/etc/motd'], rootfsDiff: 1 });
    t.equal(await checkpoint.dumpedAt(), Date.parse('2026-01-02T03:04:05Z'));
    t.same(container?.files.map((file) => file.path), ['config.dump', 'deleted.files', 'network.status', 'rootfs-diff.tar', 'spec.dump']);
    await looksRight(t, checkpoint);
  }
});

t.test('an archive in a blob of an OCI layout', async (t) => {
  const layout = path.join(scratch, 'oci');
  mkdirSync(path.join(layout, 'blobs/sha256'), { recursive: true });
  writeFileSync(path.join(layout, 'blobs/sha256/aaa'), '{"mediaType": "application/vnd.oci.image.manifest.v1+json"}');
  writeFileSync(path.join(layout, 'blobs/sha256/bbb'), gzipSync(tar(images)));
  await looksRight(t, await openCheckpoint(tar(layout)));
  await looksRight(t, await openCheckpoint(gzipSync(tar(layout))));
});

t.test('parents, on disk and in an archive', async (t) => {
  const top = path.join(scratch, 'chain');
  const child = tinySet([{ pid: 10, vmas: [vma(0, 2, VMA.anonPrivate)], rows: [[0, 1, PE_PARENT], [1, 1, PE_PRESENT]], contents: page('c') }]);
  save(child, path.join(top, 'child'));
  save(set, path.join(top, 'older'));
  symlinkSync('../older', path.join(top, 'child/parent'));
  for (const source of [path.join(top, 'child'), tar(top)]) {
    using checkpoint = await openCheckpoint(source);
    const memory = await (await checkpoint.process(10)).memory();
    t.same([(await memory.read(at(0), 1))[0], (await memory.read(at(1), 1))[0]], [contents[0], 'c'.charCodeAt(0)]);
  }
  using older = await openCheckpoint(tar(top), { which: 1 });
  t.equal((await older.processes())[0]?.name, 'saved');
  await t.rejects(openCheckpoint(tar(top), { which: 2 }), { message: /holds 2 checkpoints/ });
  rmSync(path.join(top, 'older'), { recursive: true });
  for (const source of [path.join(top, 'child'), tar(top)]) {
    using checkpoint = await openCheckpoint(source);
    await t.rejects(async () => checkpoint.chain(), { code: 'image-corrupt', message: /^parent|child\/parent/ });
  }
});

t.test('by HTTP ranges', async (t) => {
  const file = tar(images);
  let sent = 0;
  const server = createServer((request, response) => {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (request.url === '/whole') response.writeHead(200).end('everything');
    else {
      const part = file.subarray(Number(first), Number(last) + 1);
      sent += part.length;
      response.writeHead(206, { 'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${file.length}` }).end(part);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const checkpoint = await openCheckpoint(await httpAccess(`${url}/checkpoint.tar`));
  t.equal((await checkpoint.processes())[0]?.name, 'saved');
  t.ok(sent < file.length, `${sent} of ${file.length} bytes were fetched`);
  await looksRight(t, checkpoint);
  await t.rejects(httpAccess(`${url}/whole`), { message: /status 200 instead of 206/ });
});

const good = tar(images);
/** A tar header that says it is `size` bytes long, with its checksum right. */
function header(name: string, size: string, type = '0'): Uint8Array {
  const bytes = new Uint8Array(512);
  const put = (offset: number, text: string): void => bytes.set(new TextEncoder().encode(text), offset);
  put(0, name);
  put(124, size);
  put(156, type);
  put(257, 'ustar\u000000');
  put(148, '        ');
  const sum = bytes.reduce((all, byte) => all + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return bytes;
}
const hostile: { name: string; source: Uint8Array; error: RegExp; limits?: object }[] = [
  { name: 'nothing', source: new Uint8Array(0), error: /neither a tar nor packed/ },
  { name: 'no archive', source: new Uint8Array(2000).fill(65), error: /neither a tar nor packed/ },
  { name: 'gzip of no tar', source: gzipSync('hello'), error: /packed by gzip, but holds no tar/ },
  { name: 'gzip that is cut short', source: gzipSync(good).subarray(0, 3000), error: /no whole gzip stream/ },
  { name: 'gzip with a flipped bit', source: gzipSync(good).map((byte, i) => (i === 2500 ? byte ^ 64 : byte)), error: /no whole gzip stream|tar/ },
  { name: 'zstd with nothing behind', source: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), error: /no whole zstd stream|holds no tar/ },
  { name: 'zstd with a huge window', source: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 0, 0), error: /zstd window of \d+ bytes/ },
  { name: 'a tar that is cut short', source: good.subarray(0, 5000), error: /are announced|cut short/ },
  { name: 'a tar without images', source: header('a', '0'), error: /there is no checkpoint in it/ },
  { name: 'a damaged header', source: Uint8Array.from([...header('a', '0'), ...header('b', '0').map((byte, i) => (i === 3 ? 66 : byte))]), error: /at byte 512: the checksum of a tar header/ },
  { name: 'a size that is no number', source: header('a', 'zz'), error: /size of a tar member/ },
  { name: 'a size beyond the end', source: header('a', '77777777777'), error: /are announced/ },
  { name: 'a huge PAX header', source: header('a', '77777777777', 'x'), error: /a tar header of \d+ bytes/ },
  { name: 'too many members', source: good, error: /more than 3 members/, limits: { members: 3 } },
  { name: 'more than it may unpack to', source: gzipSync(new Uint8Array(2 ** 20)), error: /unpacks to more than 100000 bytes|holds no tar/, limits: { unpackedBytes: 100_000 } },
  { name: 'a set without processes', source: Uint8Array.from([...header('inventory.img', '0')]), error: /pstree|there is no such file|first word/ },
];
for (const { name, source, error, limits } of hostile) {
  t.test(`hostile: ${name}`, async (t) => {
    await t.rejects(
      async () => {
        using checkpoint = await openCheckpoint(bytesAccess('x', source), limits ? { limits } : {});
        await checkpoint.inventory();
      },
      { code: 'image-corrupt', message: error },
    );
  });
}

t.test('random damage: an error of ours, or an answer', async (t) => {
  let state = 99;
  const random = (below: number): number => Math.floor(((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32) * below);
  const small = tar(save(tinySet([{ pid: 10, vmas: [vma(0, 2, VMA.anonPrivate)], rows: [[0, 2, PE_PRESENT]], contents: pages(page('a'), page('b')) }]), path.join(scratch, 'small')));
  const packed = gzipSync(small);
  // A function of its own: esbuild's `using` in a loop keeps the error that an earlier round caught.
  async function lookAt(bytes: Uint8Array): Promise<void> {
    using checkpoint = await openCheckpoint(bytes);
    for (const process of await checkpoint.processes()) {
      await process.threads();
      await process.descriptors();
      await (await process.memory()).read(at(0), 2 * PAGE);
    }
  }
  await lookAt(small);
  await lookAt(packed);
  let refused = 0;
  for (let round = 0; round < 600; round++) {
    const bytes = new Uint8Array(round % 3 === 0 ? packed : small);
    for (let i = random(5); i >= 0; i--) bytes[random(bytes.length)] = random(256);
    try {
      await lookAt(round % 5 === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'image-corrupt' && code !== 'memory-unavailable') t.fail(`round ${round}: ${(error as Error).stack}`);
      refused++;
    }
  }
  t.ok(refused > 200 && refused < 600, `${refused} refused`);
});

t.test('what is not there', async (t) => {
  await t.rejects(openCheckpoint(path.join(scratch, 'nowhere')), { code: 'ENOENT' });
  using checkpoint = await openCheckpoint(images);
  await t.rejects(checkpoint.process(99), { name: 'RangeError', message: /no process 99/ });
  t.equal(await checkpoint.container(), undefined);
});
