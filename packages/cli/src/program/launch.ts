// The file that is executed. It runs a bundle with V8's code cache beside it, which saves compiling at every start.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { IMAGE_COMMANDS } from '../commands/image-commands.js';
import { type BundleName, COMMAND_BUNDLES, type Launcher } from './bundle.js';

type BundleFunction = (require: NodeJS.Require, module: { exports: unknown }, filename: string, dirname: string, launcher: Launcher) => void;

function readCache(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function load(name: BundleName, isMain = false): unknown {
  const file = path.join(__dirname, `${name}.cjs`);
  const cacheFile = path.join(__dirname, `${name}.cache`);
  const cachedData = readCache(cacheFile);
  // A bundle is a function already, and ASCII. V8 itself compares the cache with it and with its own version, and
  // compiles where they don't fit.
  const script = new vm.Script(readFileSync(file, 'latin1'), {
    filename: file,
    ...(cachedData !== undefined && { cachedData }),
  });
  // The build asks for a cache that holds what a run like this one needs.
  if (process.env.CRIU_TS_WRITE_CODE_CACHE !== undefined) {
    process.on('exit', () => {
      writeFileSync(cacheFile, script.createCachedData());
    });
  }
  const module = { exports: {} };
  (script.runInThisContext() as BundleFunction)(require, module, file, __dirname, { isMain, load });
  return module.exports;
}

const [, , first] = process.argv;
load(COMMAND_BUNDLES.find((name) => name === first) ?? (IMAGE_COMMANDS.includes(first ?? '') ? 'images' : 'other'), true);
