import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. Tests run as bundles below `dist/`, so it is looked for upwards, by `nx.json`. */
export const repository = findUpwards(path.dirname(fileURLToPath(import.meta.url)), 'nx.json');

function findUpwards(from: string, name: string): string {
  for (let dir = from; ; dir = path.dirname(dir)) {
    if (existsSync(path.join(dir, name))) return dir;
    if (dir === path.dirname(dir)) throw new Error(`no ${name} above ${from}`);
  }
}
