import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { repository } from './repository.js';

const sources = path.join(repository, 'e2e/programs');
const binaries = path.join(repository, 'e2e/dist/programs');
const common = ['victim.h'].map((header) => path.join(sources, header));

/** Compiles `programs/NAME.c` where it is newer than its binary. Returns the path of the binary. */
export function compile(name: string): string {
  const source = path.join(sources, `${name}.c`);
  const binary = path.join(binaries, name);
  const newest = Math.max(...[source, ...common].map((file) => statSync(file).mtimeMs));
  if (existsSync(binary) && statSync(binary).mtimeMs > newest) return binary;
  mkdirSync(binaries, { recursive: true });
  // Under another name first: tests of another run may use the old binary.
  const fresh = `${binary}.${process.pid}`;
  // -O1: as optimised as real programs are, yet with loops that stay loops.
  execFileSync('gcc', ['-std=gnu17', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', fresh, source], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  renameSync(fresh, binary);
  return binary;
}
