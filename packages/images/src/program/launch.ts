// The file that is executed. It runs the bundle of the command, with V8's code cache beside it, which saves compiling at every start.
import { readFileSync, writeFileSync } from 'node:fs';
import vm from 'node:vm';

type Program = (require: NodeJS.Require, dirname: string) => void;

/** `codec` has what is called by the hundreds, `program` has all. */
const bundle = ['decode', 'encode'].includes(process.argv[2] ?? '') ? 'codec' : 'program';
const file = `${__dirname}/${bundle}.cjs`;
const cacheFile = `${__dirname}/${bundle}.cache`;
let cachedData: Buffer | undefined;
try {
  cachedData = readFileSync(cacheFile);
} catch {
  // Without it everything is compiled.
}
// The program is a function already, and ASCII. V8 itself compares the cache with it and with its own version.
const script = new vm.Script(readFileSync(file, 'latin1'), { filename: file, ...(cachedData !== undefined && { cachedData }) });
// The build asks for a cache that holds what a run like this one needs.
if (process.env.CRIU_TS_WRITE_CODE_CACHE !== undefined) {
  process.on('exit', () => {
    writeFileSync(cacheFile, script.createCachedData());
  });
}
(script.runInThisContext() as Program)(require, __dirname);
