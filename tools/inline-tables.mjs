// Numbers of the kernel's ABI are written where they are used. `SYS.read` becomes `0`: nothing is looked
// up, and the tables, a quarter of what V8 would read at the start, stay out of the program where nobody asks for names.
import { build } from 'esbuild';

const ABI = 'packages/kernel/src/abi/index.ts';

/** Objects of the ABI that hold numbers, by name. */
async function numberTables() {
  const { outputFiles } = await build({ entryPoints: [ABI], bundle: true, write: false, format: 'esm', logLevel: 'warning' });
  const all = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const isTable = (value) => typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return new Map(Object.entries(all).filter(([, value]) => isTable(value)));
}

/** @returns (TypeScript of a module) => the same with numbers */
export async function tableInliner() {
  const tables = await numberTables();
  return (source) => {
    const known = [...source.matchAll(/^import \{([^}]*)\} from '(?:@criu-ts\/kernel\/abi|\.\.?\/(?:abi\/)?[\w-]+\.js)';/gm)].flatMap(([, names]) => names.split(',').map((name) => name.trim()));
    const names = known.filter((name) => tables.has(name));
    if (names.length === 0) return source;
    return source.replaceAll(new RegExp(`(?<!typeof )(?<![\\w$.'])(${names.join('|')})\\.(\\w+)\\b`, 'g'), (found, name, key) => {
      const value = tables.get(name)[key];
      return !Number.isSafeInteger(value) ? found : value < 0 ? `(${value})` : String(value);
    });
  };
}
