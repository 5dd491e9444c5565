// The file that is executed. It runs main.cjs with V8's code cache beside it, which saves compiling at every start.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';

const file = path.join(__dirname, 'main.cjs');
const cacheFile = path.join(__dirname, 'main.cache');

function readCache(): Buffer | undefined {
  try {
    return readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

const cachedData = readCache();
// V8 itself compares the cache with the source and its own version, and compiles where they don't fit.
const script = new vm.Script(`(function (require, __filename, __dirname) {${readFileSync(file, 'latin1')}\n})`, {
  filename: file,
  ...(cachedData !== undefined && { cachedData }),
  importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

// The build asks for a cache that holds what a run like this one needs.
if (process.env.CRIU_TS_WRITE_CODE_CACHE !== undefined) {
  process.on('exit', () => writeFileSync(cacheFile, script.createCachedData()));
}
(script.runInThisContext() as (...args: unknown[]) => void)(require, file, __dirname);
