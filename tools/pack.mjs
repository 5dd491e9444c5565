// Packs what users install: usage: node tools/pack.mjs [--out FOLDER] [PACKAGE…]
//   FOLDER (dist/packed) gets a tarball for each public package, and `packed.json`, by name: { file, dependencies }
// Everything must have been bundled and type-checked before (`nx pack criu-ts` sees to that). A package is copied file by
// file, from what its manifest exports: what nobody can reach (tests, build records, sources) is not in it.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const { values, positionals } = parseArgs({ options: { out: { type: 'string', default: 'dist/packed' } }, allowPositionals: true });
/** Those that nothing depends on come last. */
const folders = ['wasm', 'packages/kernel', 'packages/tracee', 'packages/images', 'packages/core', 'packages/cli'];
/** Such a condition leads to sources, which are not in the package. */
const SOURCE = '@criu-ts/source';

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** The manifest as users get it: without what only this repository knows. */
function publicManifest(manifest) {
  const { nx: _nx, exports = {}, dependencies = {}, ...rest } = manifest;
  const cleaned = Object.entries(exports).map(([name, { [SOURCE]: _source, ...entry }]) => [name, entry]);
  // What has sources only (the command line as a module) is for tests.
  return { ...rest, dependencies, exports: Object.fromEntries(cleaned.filter(([, entry]) => entry.default !== undefined)) };
}

/** What a JavaScript file or a declaration loads: "./x.js", "node:fs", "@criu-ts/wasm". */
const imports = (text) => new Set(ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName));

const builtin = new Set(builtinModules);
const packageOf = (specifier) => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');

class Package {
  constructor(folder, stage) {
    this.folder = folder;
    this.manifest = publicManifest(readJson(path.join(folder, 'package.json')));
    this.stage = path.join(stage, this.manifest.name.replace('/', '-').replace('@', ''));
    this.copied = new Set();
    /** Names of other packages that the code mentions. */
    this.needs = new Set();
  }

  write() {
    const { exports, bin = {} } = this.manifest;
    for (const { types, default: code } of Object.values(exports)) {
      for (const file of [types, code]) this.copyWithImports(file);
      // `using` is newer than most people's `lib`; Buffer and AbortSignal are Node's, and tsc loads no types by itself.
      const references = ['lib="esnext.disposable"', ...(this.manifest.dependencies['@types/node'] === undefined ? [] : ['types="node"'])];
      const declarations = readFileSync(path.join(this.stage, types), 'utf8');
      this.put(types, `${references.map((what) => `/// <reference ${what} />\n`).join('')}${declarations}`);
    }
    for (const file of Object.values(bin)) this.copyProgram(file);
    for (const [file, others] of [['README.md', []], ['LICENSE', ['LICENSE']]]) this.copyText(file, others);
    this.judge();
    writeFileSync(path.join(this.stage, 'package.json'), `${JSON.stringify(this.manifest, null, 2)}\n`);
  }

  /** A file of the package, and all that it loads of the same package. */
  copyWithImports(file) {
    const name = path.normalize(file);
    if (this.copied.has(name)) return;
    this.copied.add(name);
    const text = this.read(name).replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n');
    this.put(name, text);
    for (const specifier of imports(text)) {
      if (!specifier.startsWith('.')) this.needs.add(specifier);
      else this.copyWithImports(path.join(path.dirname(name), name.endsWith('.d.ts') ? specifier.replace(/\.js$/, '.d.ts') : specifier));
    }
  }

  /** A program in one piece, or a launcher beside its bundles and their code caches. */
  copyProgram(file) {
    this.copyWithImports(file);
    chmodSync(path.join(this.stage, file), 0o755);
    if (!file.endsWith('.cjs')) return;
    const dir = path.dirname(file);
    for (const name of readdirSync(path.join(this.folder, dir)).filter((name) => /\.(cjs|cache)$/.test(name))) {
      if (name === path.basename(file)) continue;
      if (name.endsWith('.cjs')) this.copyWithImports(path.join(dir, name));
      else cpSync(path.join(this.folder, dir, name), path.join(this.stage, dir, name));
    }
  }

  copyText(file, inRoot) {
    const source = [path.join(this.folder, file), ...inRoot].find(existsSync);
    if (source === undefined) throw new Error(`${this.manifest.name} has no ${file}`);
    cpSync(source, path.join(this.stage, file));
  }

  read(name) {
    try {
      return readFileSync(path.join(this.folder, name), name.endsWith('.cjs') ? 'latin1' : 'utf8');
    } catch (error) {
      throw new Error(`${this.manifest.name} lacks ${name}: build first (nx pack criu-ts)`, { cause: error });
    }
  }

  put(name, text) {
    mkdirSync(path.dirname(path.join(this.stage, name)), { recursive: true });
    writeFileSync(path.join(this.stage, name), text, name.endsWith('.cjs') ? 'latin1' : 'utf8');
  }

  /** Whoever installs it alone must get all that it needs, and nothing else: what was bundled is no dependency any more. */
  judge() {
    const { name, version, license, engines, dependencies } = this.manifest;
    for (const [key, value] of Object.entries({ version, license, engines })) if (value === undefined) throw new Error(`${name} has no ${key}`);
    // koffi's binary for this system is a dependency of koffi's.
    const missing = [...this.needs].filter((needed) => {
      const from = packageOf(needed);
      return !needed.startsWith('node:') && !builtin.has(from) && from !== name && dependencies[from] === undefined && !from.startsWith('@koromix/');
    });
    if (missing.length > 0) throw new Error(`${name} imports ${missing.join(', ')}, which is not among its dependencies`);
    const needed = new Set([...this.needs].map(packageOf));
    this.manifest.dependencies = Object.fromEntries(Object.entries(dependencies).filter(([from]) => needed.has(from) || from.startsWith('@types/')));
    for (const file of this.copied) {
      if (file.endsWith('.d.ts') || file.endsWith('js')) {
        if (readFileSync(path.join(this.stage, file), 'latin1').includes(process.cwd() + path.sep)) throw new Error(`${name}: ${file} names this folder`);
      }
    }
  }
}

const stage = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-pack-'));
try {
  const packages = folders.map((folder) => new Package(folder, stage)).filter(({ manifest }) => positionals.length === 0 || positionals.includes(manifest.name));
  if (packages.length < Math.max(positionals.length, 1)) throw new Error(`packages are ${folders.map((folder) => readJson(`${folder}/package.json`).name).join(' ')}`);
  for (const one of packages) one.write();
  const out = path.resolve(values.out);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const run = spawnSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out, ...packages.map((one) => one.stage)], { encoding: 'utf8', cwd: stage });
  if (run.status !== 0) throw new Error(`npm pack: ${run.stderr}`);
  const packed = Object.values(JSON.parse(run.stdout));
  for (const { name, filename, size, unpackedSize, entryCount } of packed) console.log(`${name}: ${filename}, ${size} bytes (${unpackedSize} in ${entryCount} files)`);
  const list = packed.map(({ name, filename }) => [name, { file: filename, dependencies: packages.find(({ manifest }) => manifest.name === name).manifest.dependencies }]);
  writeFileSync(path.join(out, 'packed.json'), `${JSON.stringify(Object.fromEntries(list), null, 2)}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
