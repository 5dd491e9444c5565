import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { repositoryRoot } from './testing/fixtures.js';

/** Every source file that `from` loads, itself included, with the modules of Node that each imports. */
function loaded(from: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(from)) return seen;
  const imports = [...readFileSync(from, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*? from '([^']+)';$|^import '([^']+)';$/gm)].map((found) => found[1] ?? found[2]!);
  seen.set(from, imports.filter((name) => name.startsWith('node:')));
  for (const name of imports.filter((name) => name.startsWith('.'))) loaded(path.join(path.dirname(from), name.replace(/\.js$/, '.ts')), seen);
  return seen;
}

t.test('what a browser loads imports nothing of Node', (t) => {
  for (const entry of ['packages/images/src/index.ts', 'wasm/index.ts']) {
    const files = loaded(path.join(repositoryRoot(), entry));
    t.ok(files.size > 5, `${entry} loads ${files.size} files`);
    t.same([...files].filter(([, imports]) => imports.length > 0), [], entry);
  }
  const withNode = loaded(path.join(repositoryRoot(), 'packages/images/src/node.ts'));
  t.ok([...withNode.values()].flat().includes('node:fs'), 'the check sees imports of Node where they are');
  t.end();
});
