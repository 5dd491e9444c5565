// Compiles wasm/NAME/NAME.c to wasm/NAME/NAME.wasm.ts: the module in base64, so that it goes through bundlers with no loader.
// usage: node tools/build-wasm.mjs [NAME…]      builds what is older than its source
//        WASM_CC=emcc | /path/to/clang          which compiler; by itself it takes emcc, or else a clang that has wasm-ld beside it
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const wasmDir = path.resolve(path.dirname(self), '../wasm');

/** All modules of a worker share one memory: each has its data and stack in a slot of its own, below where memory.ts allocates. */
const SLOT = 128 * 1024;
const STACK = 64 * 1024;
const MAX_MEMORY = 4 * 1024 ** 3;

const modules = readdirSync(wasmDir, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(path.join(wasmDir, entry.name, `${entry.name}.c`)))
  .map((entry) => entry.name)
  .sort();

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function findCompiler() {
  if (process.env.WASM_CC) return process.env.WASM_CC;
  if (works('emcc')) return 'emcc';
  const llvm = existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => /^llvm-\d+$/.test(name)).map((name) => `/usr/lib/${name}/bin/clang`) : [];
  const clang = ['clang', ...llvm].find((command) => works(command) && works(path.isAbsolute(command) ? path.join(path.dirname(command), 'wasm-ld') : 'wasm-ld'));
  if (clang) return clang;
  console.error('wasm/ needs emscripten, or clang with lld: apt-get install emscripten');
  process.exit(1);
}

/** The commands that make `object` of `source`, the module's data and stack beginning at address `slot`. */
function commands(compiler, source, object, slot) {
  const compile = ['-O3', '-msimd128', '-mbulk-memory', '-Wall', '-Wextra', '-Werror', source];
  if (path.basename(compiler).startsWith('emcc')) {
    const settings = ['IMPORTED_MEMORY', 'ALLOW_MEMORY_GROWTH', `MAXIMUM_MEMORY=${MAX_MEMORY}`, `TOTAL_STACK=${STACK}`, 'INITIAL_MEMORY=1MB', `GLOBAL_BASE=${slot}`];
    return [[...compile, '--no-entry', ...settings.map((setting) => `-s${setting}`), '-o', object]];
  }
  const linker = ['--no-entry', '--import-memory', `--initial-memory=${1024 ** 2}`, `--max-memory=${MAX_MEMORY}`, `--global-base=${slot}`, '--strip-all', '-z', `stack-size=${STACK}`];
  // In two steps, because clang told to optimise while it links calls whatever wasm-opt there is, without -msimd128.
  return [
    [...compile, '--target=wasm32', '-ffreestanding', '-c', '-o', `${object}.o`],
    [`${object}.o`, '--target=wasm32', '-nostdlib', ...linker.map((option) => `-Wl,${option}`), '-o', object],
  ];
}

function build(name) {
  const source = path.join(wasmDir, name, `${name}.c`);
  const target = path.join(wasmDir, name, `${name}.wasm.ts`);
  const own = readdirSync(path.join(wasmDir, name)).filter((file) => /\.[ch]$/.test(file)).map((file) => path.join(wasmDir, name, file));
  const inputs = [...own, path.join(wasmDir, 'common.h'), self].map((file) => statSync(file).mtimeMs);
  const slot = SLOT * (1 + modules.indexOf(name));
  const heading = `// Made by tools/build-wasm.mjs from ${name}.c for address ${slot}; do not edit.`;
  // A module that comes in between moves those behind it.
  if (existsSync(target) && statSync(target).mtimeMs > Math.max(...inputs) && readFileSync(target, 'utf8').startsWith(heading)) return;
  const compiler = findCompiler();
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-wasm-'));
  try {
    const object = path.join(scratch, 'module.wasm');
    for (const args of commands(compiler, source, object, slot)) {
      const run = spawnSync(compiler, args, { stdio: ['ignore', 'inherit', 'inherit'] });
      if (run.status !== 0) throw new Error(`${compiler} cannot compile ${name}.c`);
    }
    const bytes = readFileSync(object);
    if (!WebAssembly.validate(bytes)) throw new Error(`${compiler} made no valid module of ${name}.c`);
    writeFileSync(target, `${heading}\nexport const module = '${bytes.toString('base64')}';\n`);
    console.log(`${name}: ${bytes.length} bytes, by ${compiler}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const wanted = process.argv.slice(2);
for (const name of wanted) if (!modules.includes(name)) throw new Error(`there is no wasm/${name}/${name}.c`);
for (const name of wanted.length ? wanted : modules) build(name);
