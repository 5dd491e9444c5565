import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

// The library as one bundle in a page: WebAssembly, File, streams are the browser's.
const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-browser-'));
t.teardown(() => rmSync(scratch, { recursive: true }));

const PAGE_HTML = '<!doctype html><meta charset="utf-8"><input id="file" type="file"><div id="report"></div><script src="bundle.js"></script>';
/** What a page has to do: a file that was chosen or dropped becomes a report. */
const SCRIPT = `
  import { openCheckpoint, reportOf, htmlOf, searchCheckpoint, coreOf, verifyCheckpoint } from '@criu-ts/images';
  globalThis.look = async (file) => {
    const checkpoint = await openCheckpoint(file);
    const report = await reportOf(checkpoint);
    const html = await htmlOf(report);
    const found = [];
    for await (const match of searchCheckpoint(checkpoint, 'needle')) found.push(match.address.toString(16));
    let core = 0;
    for await (const piece of coreOf((await checkpoint.processes())[0])) core += piece.length;
    return { names: report.processes.map((process) => process.name), problems: report.problems, html: html.length, found, core, findings: await verifyCheckpoint(checkpoint) };
  };
  document.getElementById('file').addEventListener('change', async (event) => {
    document.getElementById('report').textContent = JSON.stringify(await globalThis.look(event.target.files[0]));
  });`;

t.test('in a browser: choose a tar, see the report', { skip: NO_CHROMIUM, timeout: 120_000 }, async (t) => {
  const root = repositoryRoot();
  const built = await build({ stdin: { contents: SCRIPT, resolveDir: path.join(root, 'packages/images') }, bundle: true, platform: 'browser', format: 'iife', target: 'es2022', conditions: ['@criu-ts/source'], outfile: path.join(scratch, 'bundle.js'), minify: true, metafile: true });
  const size = Object.values(built.metafile.outputs)[0]!.bytes;
  t.ok(size < 600_000, `the bundle has ${size} bytes`);
  writeFileSync(path.join(scratch, 'page.html'), PAGE_HTML);

  const contents = pages(page('a'), page('b'));
  contents.set(new TextEncoder().encode('needle'), 4090);
  const set = tinySet([{ pid: 10, comm: 'saved', vmas: [vma(0, 2, VMA.anonPrivate)], rows: [[0, 2, PE_PRESENT]], contents }]);
  await compressPages(set, 10, { compress: 'lz4', checksum: true });
  const images = path.join(scratch, 'images');
  mkdirSync(images);
  for (const [name, bytes] of set.files) writeFileSync(path.join(images, name), bytes);
  const tar = spawnSync('tar', ['-c', '-C', images, '.']).stdout;

  await using browser = await Page.open(path.join(scratch, 'page.html'));
  const { root: document } = (await browser.send('DOM.getDocument')) as { root: { nodeId: number } };
  const { nodeId } = await browser.send('DOM.querySelector', { nodeId: document.nodeId, selector: '#file' });
  for (const [name, bytes] of [['images.tar', tar], ['images.tar.gz', gzipSync(tar)]] as const) {
    const file = path.join(scratch, name);
    writeFileSync(file, bytes);
    await browser.evaluate('document.getElementById("report").textContent = ""');
    await browser.send('DOM.setFileInputFiles', { nodeId, files: [file] });
    const text = await browser.evaluate(`new Promise((resolve) => { const look = () => { const text = document.getElementById('report').textContent; if (text) resolve(text); else setTimeout(look, 20); }; look(); })`);
    const seen = JSON.parse(text as string) as { html: number; core: number };
    t.match(seen, { names: ['saved'], problems: [], found: ['100ffa'], findings: [] }, name);
    t.ok(seen.html > 5000 && seen.core > 2 * 4096);
  }
  await t.rejects(browser.evaluate('look(new File(["nonsense"], "x.tar"))'), { message: /x\.tar at byte 0: it is neither a tar nor packed/ });
  t.ok(readFileSync(path.join(scratch, 'bundle.js')).length === size);
});
