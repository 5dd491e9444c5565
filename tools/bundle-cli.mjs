// Builds the program of the command line, packages/cli/dist:
//   criu-ts.cjs  what is executed: a launcher (CommonJS: node starts 5 ms sooner than with a module)
//   main.cjs     everything but koffi
//   main.cache   V8's code cache of main.cjs
//   criu-ts.mjs, criu-ts, criu   links to the first: node goes by the name of the file that a link leads to
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const outdir = 'packages/cli/dist';
const common = {
  outdir,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  external: ['koffi'],
  legalComments: 'none',
  logLevel: 'warning',
};
await build({
  ...common,
  entryPoints: { main: 'packages/cli/src/main.ts' },
  // In CommonJS there is no import.meta.
  define: { 'import.meta.url': '__importMetaUrl' },
  banner: { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  // The launcher reads it as latin1, which is quickest.
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
});
await build({
  ...common,
  entryPoints: { 'criu-ts': 'packages/cli/src/launch.ts' },
  // NODE_EXTRA_CA_CERTS, where set, makes node read certificates at start, for 40 ms; idle V8 threads cost 1 ms.
  banner: { js: '#!/usr/bin/env -S -u NODE_EXTRA_CA_CERTS node --v8-pool-size=0' },
});
const program = path.join(outdir, 'criu-ts.cjs');
chmodSync(program, 0o755);
for (const link of ['criu-ts.mjs', 'criu-ts', 'criu']) {
  rmSync(path.join(outdir, link), { force: true });
  symlinkSync('criu-ts.cjs', path.join(outdir, link));
}

rmSync(path.join(outdir, 'main.cache'), { force: true });
const run = spawnSync(process.execPath, [program, '--version'], {
  env: { ...process.env, CRIU_TS_WRITE_CODE_CACHE: '1' },
  encoding: 'utf8',
});
if (run.status !== 0) throw new Error(`the built program does not run: ${run.stderr}`);
