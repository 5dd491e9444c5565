import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';
import t from 'tap';
import { VMA } from '../memory/vma-bits.js';
import { PE_PRESENT } from '../pagemap/pagemap.js';
import { compressPages } from '../pages/compress.js';
import { NO_CHROMIUM, Page } from '../testing/chromium.js';
import { repositoryRoot } from '../testing/fixtures.js';
import { page, pages, tinySet, vma } from '../testing/tiny-set.js';

// The page of examples/browser, with the library as one bundle: WebAssembly, File, streams are the browser's.
const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-browser-'));
t.teardown(() => rmSync(scratch, { recursive: true }));

t.test('in a browser: drop or choose an archive, see the report', { skip: NO_CHROMIUM, timeout: 120_000 }, async (t) => {
  const example = path.join(repositoryRoot(), 'examples/browser');
  const bundle = path.join(scratch, 'viewer.js');
  const built = await build({ entryPoints: [path.join(example, 'viewer.mjs')], bundle: true, platform: 'browser', format: 'iife', target: 'es2022', conditions: ['@criu-ts/source'], outfile: bundle, minify: true, metafile: true });
  const size = Object.values(built.metafile.outputs)[0]!.bytes;
  t.ok(size < 600_000, `the bundle has ${size} bytes`);
  copyFileSync(path.join(example, 'index.html'), path.join(scratch, 'index.html'));

  const contents = pages(page('a'), page('b'));
  contents.set(new TextEncoder().encode('needle'), 4090);
  const set = tinySet([{ pid: 10, comm: 'saved', vmas: [vma(0, 2, VMA.anonPrivate)], rows: [[0, 2, PE_PRESENT]], contents }]);
  await compressPages(set, 10, { compress: 'lz4', checksum: true });
  const images = path.join(scratch, 'images');
  mkdirSync(images);
  for (const [name, bytes] of set.files) writeFileSync(path.join(images, name), bytes);
  const tar = spawnSync('tar', ['-c', '-C', images, '.']).stdout;

  await using browser = await Page.open(path.join(scratch, 'index.html'));
  const { root: document } = (await browser.send('DOM.getDocument')) as { root: { nodeId: number } };
  const { nodeId } = await browser.send('DOM.querySelector', { nodeId: document.nodeId, selector: '#file' });
  /** What the page says when it says another thing than before. */
  const answer = (): Promise<unknown> => browser.evaluate("new Promise((resolve) => { const look = () => { const text = document.getElementById('said').textContent; if (text && text !== 'reading …') resolve(text); else setTimeout(look, 20); }; look(); })");
  const ask = async (question: () => Promise<unknown>): Promise<unknown> => {
    await browser.evaluate("document.getElementById('said').textContent = ''");
    await question();
    return answer();
  };
  const report = 'document.getElementById("report").srcdoc';
  const choose = (file: string): Promise<unknown> => browser.send('DOM.setFileInputFiles', { nodeId, files: [file] });
  /** As the desktop drops a file on a window; at its top, where no report lies. */
  const drop = async (file: string): Promise<void> => {
    for (const type of ['dragEnter', 'dragOver', 'drop']) await browser.send('Input.dispatchDragEvent', { type, x: 200, y: 20, data: { items: [], files: [file], dragOperationsMask: 1 } });
  };
  const files = ([['images.tar', tar, drop], ['images.tar.gz', gzipSync(tar), choose]] as const).map(([name, bytes, give]) => ({ name, give, file: path.join(scratch, name), bytes }));
  for (const { name, give, file, bytes } of files) {
    writeFileSync(file, bytes);
    await browser.evaluate(`document.getElementById("report").srcdoc = ''`);
    t.equal(await ask(() => give(file)), 'whole', `${name}, ${give === drop ? 'dropped' : 'chosen'}`);
    const html = (await browser.evaluate(report)) as string;
    t.match(html, /<b>saved<\/b>/, 'the report');
    t.equal(await browser.evaluate('document.getElementById("report").hidden'), false);
  }
  t.equal(await ask(() => browser.evaluate('(document.getElementById("pattern").value = "needle", document.getElementById("search").requestSubmit())')), '10 100ffa anonymous ', 'its memory is searched');
  const downloads = path.join(scratch, 'downloads');
  mkdirSync(downloads);
  await browser.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  await browser.evaluate('document.getElementById("core").click()');
  const core = path.join(downloads, 'core.10');
  for (let tries = 0; tries < 500 && !(existsSync(core) && readFileSync(core).length > 2 * 4096); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  t.same([...readFileSync(core).subarray(0, 4)], [0x7f, 0x45, 0x4c, 0x46], 'a core is saved');
  const nonsense = path.join(scratch, 'nonsense.tar');
  writeFileSync(nonsense, 'nonsense');
  t.equal(await ask(() => drop(nonsense)), 'nonsense.tar at byte 0: it is neither a tar nor packed by gzip or zstd');
  t.equal(await browser.evaluate('document.getElementById("report").hidden'), true, 'and what was shown before is gone');
});
