// Builds the program of the command line, packages/cli/dist:
//   criu-ts.cjs  what is executed: a launcher (CommonJS: node starts 5 ms sooner than with a module)
//   dump.cjs, restore.cjs, explain.cjs, check.cjs, other.cjs    a bundle for each command, and one for the rest: everything but koffi
//   dump.cache …                        V8's code caches of them
//   man/criu-ts.1 …                     the manual pages
//   criu-ts.mjs, criu-ts, criu   links to the first: node goes by the name of the file that a link leads to
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { runForCache, warmCodeCache } from './code-cache.mjs';
import { tableInliner } from './inline-tables.mjs';
import { lateModule } from './late-modules.mjs';
import { cachedBundleOptions, programOptions } from './program-options.mjs';

const outdir = 'packages/cli/dist';
const bundles = ['dump', 'restore', 'explain', 'check', 'images', 'other'];

/**
 * How node is told to run it. No idle V8 threads (1 ms); room for what a small dump allocates, so that nothing is collected
 * (3 ms); nothing optimised that runs for a moment only (4 ms). All known to V8 since Node 20. The code caches fit only these.
 */
const nodeFlags = ['--v8-pool-size=0', '--min-semi-space-size=16', '--interrupt-budget=200000'];

/**
 * koffi's door finds out which of its binaries fits, by reading the ELF header of node and more: 7 ms. On an ordinary
 * Linux it is this one; where it can't be loaded, koffi itself is asked.
 */
const koffiAtOnce = {
  name: 'koffi-at-once',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^koffi$/ }, ({ namespace }) =>
      namespace === 'koffi-at-once' ? { path: 'koffi', external: true } : { path: 'koffi', namespace: 'koffi-at-once' },
    );
    onLoad({ filter: /./, namespace: 'koffi-at-once' }, () => ({
      contents: `
        let koffi;
        const binary = '@koromix/koffi-linux-x64/linux_x64/koffi.node';
        // Beside us, as npm installs it, or in the repository: require() would ask every directory above us first.
        for (const place of ['/../../../', '/../../../node_modules/']) {
          const file = { exports: {} };
          try { process.dlopen(file, __dirname + place + binary); koffi = file.exports; break; } catch {}
        }
        if (koffi === undefined) try { koffi = require(binary); } catch { koffi = require('koffi'); }
        export default koffi;`,
    }));
  },
};
const common = { ...programOptions(outdir), external: ['*.node'], legalComments: 'none' };
// What an earlier build left would be packed.
for (const name of existsSync(outdir) ? readdirSync(outdir) : []) if (/\.(cjs|cache)$/.test(name)) rmSync(path.join(outdir, name));
const command = {
  ...common,
  ...cachedBundleOptions,
  plugins: [koffiAtOnce],
  // In CommonJS there is no import.meta; and the mere mention of `performance` makes node load perf_hooks, for 3 ms.
  define: { 'import.meta.url': '__importMetaUrl', 'performance.now': '__now' },
  banner: {
    js: "(function (require, module, __filename, __dirname, __launcher) {const __importMetaUrl = 'file://' + encodeURI(__filename), __now = () => { const [s, ns] = process.hrtime(); return s * 1e3 + ns / 1e6; };",
  },
};
// What a process without such files does not need.
const late = [
  /^packages\/core\/src\/resources\/files\/(?!registry|pipe|regular)[\w-]+\.ts$/,
  /^packages\/core\/src\/files\/(unix-(queue|place|calls|sockets)|control-messages|inet-options|socket-(calls|options)|ghost|tty-(pair|open|queue|state)|unsupported)\.ts$/,
  /^packages\/core\/src\/resources\/cgroups\/(capture|restore|hierarchy)\.ts$/,
  /^packages\/core\/src\/resources\/namespaces\/(ipc|uts)\.ts$/,
  /^packages\/core\/src\/system-v\/[\w-]+\.ts$/,
  /^packages\/kernel\/src\/sys\/namespaces\.ts$/,
  /^packages\/kernel\/src\/netlink\/(inet|unix|packet|netlink)-diag\.ts$/,
  /^packages\/kernel\/src\/abi\/(syscalls|errno)\.ts$/,
  /^packages\/cli\/src\/(options\/(rare|join-ns)|action-scripts)\.ts$/,
  /^packages\/images\/src\/pages\/compress\.ts$/,
];
const inline = await tableInliner();
const sources = {
  name: 'sources',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      const short = path.relative(process.cwd(), file);
      const inlined = inline(readFileSync(file, 'utf8'));
      return { contents: late.some((pattern) => pattern.test(short)) ? lateModule(inlined, short) : inlined, loader: 'ts' };
    });
  },
};
for (const name of bundles) {
  await build({
    ...command,
    entryPoints: { [name]: `packages/cli/src/program/${name}.ts` },
    plugins: [...command.plugins, sources],
  });
}
await build({
  ...common,
  entryPoints: { 'criu-ts': 'packages/cli/src/program/launch.ts' },
  // NODE_EXTRA_CA_CERTS, where set, makes node read certificates at start, for 40 ms.
  banner: { js: `#!/usr/bin/env -S -u NODE_EXTRA_CA_CERTS node ${nodeFlags.join(' ')}` },
});
const program = path.join(outdir, 'criu-ts.cjs');
chmodSync(program, 0o755);
for (const link of ['criu-ts.mjs', 'criu-ts', 'criu']) {
  rmSync(path.join(outdir, link), { force: true });
  symlinkSync('criu-ts.cjs', path.join(outdir, link));
}

for (const name of bundles) rmSync(path.join(outdir, `${name}.cache`), { force: true });
const runOnce = (...args) => runForCache(nodeFlags, program, ...args);
const first = runOnce('--version');
if (first.status !== 0) throw new Error(`the built program does not run: ${first.stderr}`);

rmSync(path.join(outdir, 'man'), { recursive: true, force: true });
mkdirSync(path.join(outdir, 'man'));
const page = (...command) => writeFileSync(path.join(outdir, 'man', `${['criu-ts', ...command].join('-')}.1`), runOnce('man', ...command).stdout);
page();
// Whatever the command line knows a page of, it tells where it does not know one.
for (const command of /man knows (.*); not/.exec(runOnce('man', '?').stderr)[1].split(', ')) page(command);

await warmCodeCache(nodeFlags, program);
