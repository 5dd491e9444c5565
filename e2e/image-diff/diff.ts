import { canonical } from './canonical.js';
import { decodeImages, type Plain, type PlainObject } from './decode.js';

/** A difference that is no fault: of a line `FILE[ENTRY].FIELD: before → after`. */
export interface Explained {
  readonly difference: RegExp;
  readonly because: string;
}

export interface ImageDifferences {
  /** A line each, without those that are explained. */
  readonly unexplained: string[];
  /** How often each explanation was needed. */
  readonly explained: ReadonlyMap<Explained, number>;
}

/** Compares the decoded images of two dumps, ids taken as identities. Files are told apart by their names. */
export function diffImages(before: string, after: string, allowed: readonly Explained[] = []): ImageDifferences {
  const [a, b] = [canonical(decodeImages(before)), canonical(decodeImages(after))];
  const lines: string[] = [];
  for (const name of new Set([...a.files.keys(), ...b.files.keys()].sort())) {
    const [was, is] = [a.files.get(name), b.files.get(name)];
    if (was === undefined || is === undefined) lines.push(`${name}: ${was === undefined ? 'absent' : 'there'} → ${is === undefined ? 'absent' : 'there'}`);
    else for (let at = 0; at < Math.max(was.length, is.length); at++) compare(lines, `${name}[${at}]`, was[at], is[at]);
  }
  for (const name of new Set([...a.pages.keys(), ...b.pages.keys()].sort())) {
    lines.push(...comparePages(name, a.pages.get(name) ?? new Map<string, string>(), b.pages.get(name) ?? new Map<string, string>()));
  }
  const explained = new Map<Explained, number>();
  const unexplained = lines.filter((line) => {
    const rule = allowed.find(({ difference }) => difference.test(line));
    if (rule !== undefined) explained.set(rule, (explained.get(rule) ?? 0) + 1);
    return rule === undefined;
  });
  return { unexplained, explained };
}

function compare(lines: string[], where: string, was: Plain | undefined, is: Plain | undefined): void {
  if (was === is) return;
  if (Array.isArray(was) && Array.isArray(is)) {
    for (let at = 0; at < Math.max(was.length, is.length); at++) compare(lines, `${where}[${at}]`, was[at], is[at]);
  } else if (isObject(was) && isObject(is)) {
    for (const field of new Set([...Object.keys(was), ...Object.keys(is)])) compare(lines, `${where}.${field}`, was[field], is[field]);
  } else lines.push(`${where}: ${JSON.stringify(was)} → ${JSON.stringify(is)}`);
}

function isObject(value: Plain | undefined): value is PlainObject {
  return typeof value === 'object' && !Array.isArray(value);
}

/** A line for each of: pages that are gone, new, changed, with how many of all. */
function comparePages(name: string, was: ReadonlyMap<string, string>, is: ReadonlyMap<string, string>): string[] {
  const gone = [...was.keys()].filter((page) => !is.has(page));
  const fresh = [...is.keys()].filter((page) => !was.has(page));
  const changed = [...was].filter(([page, contents]) => is.has(page) && is.get(page) !== contents).map(([page]) => page);
  return Object.entries({ gone, new: fresh, changed }).flatMap(([what, pages]) =>
    pages.length === 0 ? [] : [`${name}: ${pages.length} of ${was.size} pages ${what}: ${pages.slice(0, 4).join(' ')}${pages.length > 4 ? ' …' : ''}`],
  );
}
