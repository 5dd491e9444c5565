import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../harness/repository.js';

const packed = path.join(repository, 'dist/packed');
/** What a registry would give. */
const STRANGERS = ['koffi', '@koromix/koffi-linux-x64', '@protobuf-ts/runtime', '@types/node', 'undici-types'];

/** Tarballs of ours by name, as `nx pack criu-ts` left them. @throws where it did not run yet */
export function ourTarballs(): Readonly<Record<string, string>> {
  const list = path.join(packed, 'packed.json');
  if (!existsSync(list)) throw new Error(`${list} is missing: nx pack criu-ts`);
  const names = JSON.parse(readFileSync(list, 'utf8')) as Record<string, string>;
  return Object.fromEntries(Object.entries(names).map(([name, file]) => [name, path.join(packed, file)]));
}

/** Puts tarballs of all our packages, and of what they depend on, into a folder; returns their file names by package. */
export function layOut(folder: string): Readonly<Record<string, string>> {
  mkdirSync(folder);
  const found: Record<string, string> = {};
  for (const [name, file] of Object.entries(ourTarballs())) {
    cpSync(file, path.join(folder, path.basename(file)));
    found[name] = path.basename(file);
  }
  const paths = STRANGERS.map((name) => path.join(repository, 'node_modules', name));
  const text = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--offline', '--pack-destination', folder, ...paths], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  for (const { name, filename } of Object.values(JSON.parse(text) as Record<string, { name: string; filename: string }>)) found[name] = filename;
  return found;
}

/** Names of the packages that are installed in a folder. */
export function installedIn(folder: string): string[] {
  const modules = path.join(folder, 'node_modules');
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
  return names.flatMap((name) => (name.startsWith('@') ? readdirSync(path.join(modules, name)).map((one) => `${name}/${one}`) : [name])).sort();
}

/** An empty project of a user's. */
export function emptyProject(folder: string): void {
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
}
