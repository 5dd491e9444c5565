import { encodeText } from '../message/text.js';
import { EditRefused } from './refusal.js';
import type { Outcome } from './report.js';

/** PATH_MAX, without its NUL */
const LONGEST = 4095;

interface Prefix {
  /** names, from the root */
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly outcome: Outcome;
}

export interface MappedPath {
  readonly path: string;
  readonly outcome: Outcome;
}

/** Beginnings of paths and what they become. Names are compared whole, the longest beginning counts. */
export class PathMap {
  readonly #prefixes: readonly Prefix[];

  /** @throws EditRefused where a prefix is no absolute path, or there twice */
  constructor(asked: readonly { readonly from: string; readonly to: string; readonly outcome: Outcome }[]) {
    const prefixes = asked.map(({ from, to, outcome }) => ({ from: namesOf(from), to: namesOf(to), outcome }));
    const seen = new Set<string>();
    for (const { from } of prefixes) {
      const key = from.join('/');
      if (seen.has(key)) throw new EditRefused('edit-conflict', `/${key}`, 'two edits change it');
      seen.add(key);
    }
    this.#prefixes = prefixes.sort((a, b) => b.from.length - a.from.length);
  }

  /** What an absolute path becomes; undefined where it stays. @throws EditRefused where it becomes too long */
  map(path: string): MappedPath | undefined {
    if (!path.startsWith('/')) return undefined;
    const names = split(path);
    const prefix = this.#prefixes.find(({ from }) => from.every((name, i) => names[i] === name));
    if (prefix === undefined) return undefined;
    const mapped = `/${[...prefix.to, ...names.slice(prefix.from.length)].join('/')}`;
    // What a path ends with (a slash, which says that it is a directory) stays.
    const whole = path.endsWith('/') && mapped !== '/' && names.length > 0 ? `${mapped}/` : mapped;
    if (encodeText(whole).length > LONGEST) throw new EditRefused('edit-refused', path, `it would become longer than ${LONGEST} bytes`);
    return whole === path ? undefined : { path: whole, outcome: prefix.outcome };
  }
}

const split = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

function namesOf(path: string): string[] {
  if (!path.startsWith('/') || path.includes('\0')) throw new EditRefused('edit-refused', path, 'the beginning of a path is absolute');
  const names = split(path);
  if (names.includes('..')) throw new EditRefused('edit-refused', path, 'a path with .. says nothing without the directories');
  return names;
}

/** `path` as seen from the directory `base`, both absolute; undefined where it is not below it. "" is the directory itself. */
export function below(path: string, base: string): string | undefined {
  const names = split(path);
  const first = split(base);
  return first.every((name, i) => names[i] === name) ? names.slice(first.length).join('/') : undefined;
}

export const joinPaths = (base: string, rest: string): string => `/${[...split(base), ...split(rest)].join('/')}`;
