// Makes docs/pictures/inspect-*.png: what `inspect` shows of nginx and PostgreSQL, as a page and on a terminal, light and
// dark. As root, with Debian's nginx, postgresql and chromium, and after a build. `node tools/pictures.mjs`
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleScript } from './bundle-script.mjs';
import { openShop } from './pictures/shop.mjs';
import { terminalPage } from './pictures/terminal-page.mjs';

const COLUMNS = 118;
const LIMIT = 200_000;
const program = path.resolve('packages/cli/dist/criu-ts');

const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-pictures-'));
const images = path.join(scratch, 'shop');
const repository = process.cwd();

function run(command, ...args) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** A dump of the shop, and what `inspect` shows of it while it runs on. */
async function shown() {
  const shop = await openShop(path.join(os.tmpdir(), 'shop'));
  try {
    mkdirSync(images);
    run(program, 'dump', '-t', String(shop.pid), '-D', images, '--leave-running');
    // script(1) gives it a terminal, so that it has colours and cuts lines.
    return run('script', '-qec', `stty cols ${COLUMNS}; cd ${scratch}; ${program} inspect shop`, '/dev/null');
  } finally {
    await shop.end();
  }
}

async function screenshot(Page, file, scheme, width, height) {
  const page = await Page.open(file);
  try {
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    await page.send('Emulation.setScrollbarsHidden', { hidden: true });
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await page.evaluate('new Promise((resolve) => setTimeout(resolve, 200))');
    const { data } = await page.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  } finally {
    await page[Symbol.asyncDispose]();
  }
}

/** A page as PNG, this wide and high, in both colours; beyond the limit it would make clones slow. */
async function picture(Page, file, name, width, height) {
  for (const scheme of ['light', 'dark']) {
    const png = await screenshot(Page, file, scheme, width, height);
    const to = `docs/pictures/${name}-${scheme}.png`;
    writeFileSync(to, png);
    console.log(`${to}: ${png.length} bytes`);
    if (png.length > LIMIT) throw new Error(`${to} has more than ${LIMIT} bytes`);
  }
}

try {
  const text = await shown();
  const { Page } = await import(pathToFileURL(await bundleScript('packages/images/src/testing/chromium.ts', path.join(scratch, 'chromium.mjs'))).href);
  const [page, terminal] = ['shop.html', 'terminal.html'].map((name) => path.join(scratch, name));
  process.chdir(scratch);
  run(program, 'inspect', '--html', page, 'shop');
  process.chdir(repository);
  await picture(Page, page, 'inspect', 1100, 870);
  writeFileSync(terminal, terminalPage('criu-ts inspect shop', text, COLUMNS));
  await picture(Page, terminal, 'inspect-terminal', 1000, 800);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
