import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t from 'tap';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { ImageSet } from '../image-set.js';
import { IMAGE_TYPES } from '../image-types.js';
import { MemoryDirectory, MemorySource } from '../io/directory.js';
import { decodePagemap } from '../pagemap/pagemap.js';
import { PE_PARENT, PE_PRESENT } from '../pagemap/pagemap.js';
import { ImageReader } from '../image-reader.js';
import { VMA } from '../memory/vma-bits.js';
import { bigEndianSet } from '../testing/big-endian.js';
import { unpackCorpus } from '../testing/fixtures.js';
import { PAGE, at, page, pages, tinySet, vma } from '../testing/tiny-set.js';
import { editInto } from './edit.js';
import { editCheckpoint } from './edit-node.js';
import type { Edit } from './edits.js';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-edit-'));
t.teardown(() => rmSync(scratch, { recursive: true }));
const place = (name: string): string => path.join(scratch, name);

function save(set: MemoryDirectory, name: string): string {
  mkdirSync(place(name), { recursive: true });
  for (const [file, bytes] of set.files) writeFileSync(path.join(place(name), file), bytes);
  return place(name);
}

const vmas = [vma(0, 2, VMA.anonPrivate)];
const whole = (): MemoryDirectory => tinySet([{ pid: 10, vmas, rows: [[0, 2, PE_PRESENT]], contents: pages(page('a'), page('b')) }]);
const uid: Edit = { edit: 'uid', from: 1000, to: 2000 };
const uidOf = (directory: string): number | undefined => [...new ImageReader(IMAGE_TYPES.core, new MemorySource('core', readFileSync(path.join(directory, 'core-10.img')))).entries()][0]?.threadCore?.creds?.uid;
const contents = (directory: string): Map<string, string> => new Map(readdirSync(directory).sort().map((name) => [name, readFileSync(path.join(directory, name), 'latin1')]));

t.test('a directory: a copy beside it', async (t) => {
  const source = save(whole(), 'source');
  chmodSync(source, 0o750);
  writeFileSync(path.join(source, 'dump.log'), 'x');
  const before = contents(source);
  const out = place('copy');
  const report = await editCheckpoint(source, out, [uid]);
  t.equal(uidOf(out), 2000);
  t.same(contents(source), before, 'the source is as it was');
  t.equal(statSync(out).mode & 0o777, 0o750);
  t.notOk(existsSync(path.join(out, 'dump.log')));
  t.same(report.notes, ['the owners of files on disk are not changed', 'dump.log is not part of the result']);
  const names = readdirSync(out).filter((name) => name !== 'core-10.img' && name !== 'files.img');
  for (const name of names) t.same(readFileSync(path.join(out, name)), readFileSync(path.join(source, name)), name);
  t.equal(report.written.files, readdirSync(out).length);
});

t.test('an empty directory, and one that is not', async (t) => {
  const source = save(whole(), 'source');
  mkdirSync(place('empty'));
  await editCheckpoint(source, place('empty'), [uid]);
  t.equal(uidOf(place('empty')), 2000);
  await t.rejects(editCheckpoint(source, place('empty'), [uid]), { code: 'edit-refused', message: /there already/ });
  await t.rejects(editCheckpoint(source, source, [uid]), { code: 'edit-refused', message: /there already/ });
  await t.rejects(editCheckpoint(source, path.join(source, 'within'), [uid]), { code: 'edit-refused', message: /in the checkpoint itself/ });
  await t.rejects(editCheckpoint(source, place('nowhere/x'), [uid]), { code: 'ENOENT' });
});

t.test('nothing is left of what failed, and nothing written by a dry run', async (t) => {
  const source = save(whole(), 'source');
  const before = readdirSync(scratch);
  await t.rejects(editCheckpoint(source, place('failed'), [uid, { edit: 'gid', from: 77, to: 78 }]), { code: 'edit-unmatched', message: /gid 77/ });
  await t.rejects(editCheckpoint(source, place('failed'), [uid], { signal: AbortSignal.abort(new Error('enough')) }), { message: 'enough' });
  const report = await editCheckpoint(source, '', [uid, { edit: 'pages', compress: 'lz4' }], { dryRun: true });
  t.same(report.edits.map(({ changes }) => changes), [4, 1]);
  t.same(readdirSync(scratch), before);
});

t.test('an archive', async (t) => {
  const made = spawnSync('tar', ['-cz', '-C', save(whole(), 'source'), '.'], { maxBuffer: 2 ** 28 });
  writeFileSync(place('a.tar.gz'), made.stdout);
  await editCheckpoint(place('a.tar.gz'), place('of-archive'), [uid]);
  t.equal(uidOf(place('of-archive')), 2000);
});

t.test('parents: a link to them, of a directory; merged, of an archive', async (t) => {
  const chain = place('chain');
  save(whole(), 'chain/1');
  save(tinySet([{ pid: 10, vmas, rows: [[0, 1, PE_PARENT], [1, 1, PE_PRESENT]], contents: page('B') }]), 'chain/2');
  symlinkSync('../1', path.join(chain, '2', 'parent'));
  const out = place('child');
  await editCheckpoint(path.join(chain, '2'), out, [uid]);
  t.equal(readlinkSync(path.join(out, 'parent')), 'chain/1'.replace(/^/, '../'));
  const read = async (directory: string): Promise<Uint8Array> => {
    using checkpoint = await openCheckpoint(directory);
    return await (await (await checkpoint.process(10)).memory()).read(at(0), 2 * PAGE);
  };
  t.same(await read(out), pages(page('a'), page('B')));
  const made = spawnSync('tar', ['-c', '-C', chain, '.'], { maxBuffer: 2 ** 28 });
  writeFileSync(place('chain.tar'), made.stdout);
  await t.rejects(editCheckpoint(place('chain.tar'), place('of-chain'), [uid]), { code: 'edit-refused', message: /parents of/ });
  await editCheckpoint(place('chain.tar'), place('of-chain'), [uid, { edit: 'merge-parents' }]);
  t.same(await read(place('of-chain')), pages(page('a'), page('B')));
  t.notOk(existsSync(path.join(place('of-chain'), 'parent')));
});

for (const [name, damage] of [
  ['an image cut short', (set: MemoryDirectory) => void set.files.set('files.img', set.files.get('files.img')!.subarray(0, -3))],
  ['no pages', (set: MemoryDirectory) => set.remove('pages-10.img')],
  ['no core', (set: MemoryDirectory) => set.remove('core-10.img')],
  ['a tree that is none', (set: MemoryDirectory) => new ImageSet(set).write(IMAGE_TYPES.pstree, undefined, [])],
] as const) {
  t.test(`damaged: ${name}`, async (t) => {
    const set = whole();
    damage(set);
    rmSync(place('damaged'), { recursive: true, force: true });
    await t.rejects(editCheckpoint(save(set, 'damaged'), place('of-damaged'), [uid]), { code: 'edit-damaged' });
    t.notOk(existsSync(place('of-damaged')));
  });
}

t.test('a big-endian machine’s', async (t) => {
  const source = save(bigEndianSet(whole()), 'big-endian');
  await t.rejects(editCheckpoint(source, place('of-big-endian'), [uid]), { code: 'edit-refused', message: /big-endian/ });
});

const corpus = unpackCorpus();
t.teardown(() => corpus[Symbol.dispose]());
t.test('every image that CRIU dumped is rewritten byte for byte', { skip: corpus.skip }, async (t) => {
  const wrong: string[] = [];
  let rewritten = 0;
  for (const name of corpus.sets) {
    const set = withPages(path.join(corpus.path, name));
    if (set === undefined) continue;
    const target = new MemoryDirectory();
    using checkpoint = await openCheckpoint(set);
    // Redaction looks at every message, so that all images are written anew.
    await editInto(checkpoint, target, [{ edit: 'redact', pattern: 'no image holds this text' }], { unmatched: 'report', incomplete: 'report' });
    for (const [file, bytes] of set.files) {
      if (/^(pages-|pagemap-)|\.(log|pid)$/.test(file)) continue;
      rewritten++;
      if (!Buffer.from(bytes).equals(target.files.get(file) ?? Buffer.alloc(0))) wrong.push(`${name}/${file}`);
    }
  }
  t.same(wrong, []);
  t.ok(rewritten > 3000, `${rewritten} images`);
});

/** A set of the corpus with the pages that the fixtures leave out, as zeros; undefined where something else is missing, or they are many. */
function withPages(directory: string): MemoryDirectory | undefined {
  const set = new MemoryDirectory(readdirSync(directory).map((name) => [name, new Uint8Array(readFileSync(path.join(directory, name)))]));
  for (const [name, bytes] of [...set.files]) {
    if (!/^pagemap-(shmem-)?\d+\.img$/.test(name)) continue;
    const { pagesId, nrPages, flags } = decodePagemap(name, bytes);
    const count = nrPages.reduce((sum, one, i) => sum + (flags[i]! & PE_PRESENT ? one : 0), 0);
    if (count > 4096) return undefined;
    set.files.set(`pages-${pagesId}.img`, new Uint8Array(count * PAGE));
  }
  return set;
}
