import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../harness/repository.js';

const packed = path.join(repository, 'dist/packed');
type Ours = Readonly<Record<string, { readonly file: string; readonly dependencies: Readonly<Record<string, string>> }>>;

/** Our tarballs, as `nx pack criu-ts` left them. @throws where it did not run yet */
function ours(): Ours {
  const list = path.join(packed, 'packed.json');
  if (!existsSync(list)) throw new Error(`${list} is missing: nx pack criu-ts`);
  return JSON.parse(readFileSync(list, 'utf8')) as Ours;
}

/** Packages that npm installs with these, themselves included. What is optional counts where it is installed here. */
export function withDependencies(names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    const own = ours()[name]?.dependencies;
    for (const needed of Object.keys(own ?? dependenciesOfStranger(name))) visit(needed);
  };
  names.forEach(visit);
  return [...found].sort();
}

function dependenciesOfStranger(name: string): Record<string, string> {
  const manifest = JSON.parse(readFileSync(path.join(repository, 'node_modules', name, 'package.json'), 'utf8')) as Record<'dependencies' | 'optionalDependencies', Record<string, string> | undefined>;
  const optional = Object.entries(manifest.optionalDependencies ?? {}).filter(([one]) => existsSync(path.join(repository, 'node_modules', one)));
  return { ...manifest.dependencies, ...Object.fromEntries(optional) };
}

/** Puts tarballs of all our packages, and of what they depend on (as a registry would give it), into a folder; returns their file names by package. */
export function layOut(folder: string): Readonly<Record<string, string>> {
  mkdirSync(folder);
  const found: Record<string, string> = {};
  for (const [name, { file }] of Object.entries(ours())) {
    cpSync(path.join(packed, file), path.join(folder, file));
    found[name] = file;
  }
  const paths = withDependencies(Object.keys(ours())).filter((name) => found[name] === undefined).map((name) => path.join(repository, 'node_modules', name));
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
