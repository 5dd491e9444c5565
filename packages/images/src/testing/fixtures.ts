import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export function repositoryRoot(): string {
  let root = process.cwd();
  while (!existsSync(path.join(root, 'nx.json'))) {
    if (root === path.dirname(root)) throw new Error('tests run inside the repository');
    root = path.dirname(root);
  }
  return root;
}

/** Files shared by the project's checkouts, beside the root of the repository; a clone elsewhere does not have them. */
function shared(...names: string[]): string {
  return path.join(repositoryRoot(), '..', 'shared', ...names);
}

/** The rows of a table of `image-format`, by the names in its first line; `skip` says why there are none. */
export function formatTable(name: string): { readonly rows: readonly Readonly<Record<string, string>>[]; readonly skip: string | false } {
  const file = shared('image-format', name);
  if (!existsSync(file)) return { rows: [], skip: `../shared/image-format/${name} is not here` };
  const [header = '', ...lines] = readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');
  const names = header.split('\t');
  return { rows: lines.map((line) => Object.fromEntries(line.split('\t').map((cell, i) => [names[i] ?? `${i}`, cell]))), skip: false };
}

/** The image sets dumped by CRIU 4.2, unpacked until this is disposed of. */
export interface Corpus extends Disposable {
  readonly path: string;
  readonly sets: readonly string[];
  /** why there are no sets, false where there are */
  readonly skip: string | false;
}

export function unpackCorpus(): Corpus {
  const none = (skip: string): Corpus => ({ path: '', sets: [], skip, [Symbol.dispose]: () => {} });
  const archive = shared('fixtures', 'criu-4.2-images.tar.xz');
  if (!existsSync(archive)) return none('../shared/fixtures/criu-4.2-images.tar.xz is not here');
  const dir = mkdtempSync(path.join(os.tmpdir(), 'criu-ts-corpus-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  const tar = spawnSync('tar', ['-xJf', archive, '-C', dir], { encoding: 'utf8' });
  if (tar.error ?? tar.status !== 0) {
    remove();
    return none(`tar cannot unpack the fixtures: ${tar.error?.message ?? tar.stderr}`);
  }
  const sets = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return { path: dir, sets: sets.sort(), skip: false, [Symbol.dispose]: remove };
}
