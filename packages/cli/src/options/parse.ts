import { UsageError } from '../usage-error.js';
import { rareOptions } from './rare.js';
import type { OptionSpec } from './spec.js';
import { usualOptions, type Values } from './table.js';

/** CRIU's default log level: warnings. */
export const DEFAULT_VERBOSITY = 2;

/** Options by the name they go by, with `no-` forms. */
interface Named {
  readonly name: string;
  readonly row: OptionSpec;
  readonly negated: boolean;
}

/** Every row there is. */
export const everyOption = (): readonly OptionSpec[] => [...usualOptions, ...rareOptions.ignored, ...rareOptions.refused];

/** The names of a row. */
function namesOf(row: OptionSpec): Named[] {
  return (row.alias === undefined ? [row.long] : [row.long, row.alias]).flatMap((name) => [
    { name, row, negated: false },
    ...(row.negatable === true ? [{ name: `no-${name}`, row, negated: true }] : []),
  ]);
}

/** The row of an option that was given, by its long name. */
export function rowOf(long: string): OptionSpec | undefined {
  return findRow((row) => row.long === long);
}

/** The rare ones are looked at last: most runs never need them. */
function findRow(test: (row: OptionSpec) => boolean): OptionSpec | undefined {
  return (usualOptions as readonly OptionSpec[]).find(test) ?? everyOption().find(test);
}

type Mutable = Record<string, boolean | number | string | string[] | undefined>;

/** Everything that was on the command line or in a configuration file. */
export interface Parsed {
  readonly values: Values;
  /** What is no option: the command, and what follows it. */
  readonly words: readonly string[];
}

/**
 * Reads arguments as getopt_long(3) does: options before and after words, `-jd`, `-DDIR`, `-D DIR`, `--images-dir=DIR`,
 * unambiguous beginnings (`--tcp-est`), `--` ends options. A later value replaces an earlier one, lists grow.
 * @param start what earlier sources (configuration files) said
 * @throws UsageError
 */
export function parseOptions(args: readonly string[], start: Values = {}): Parsed {
  const values: Mutable = { ...(start as Mutable) };
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const next = (): string | undefined => args[++i];
    if (arg === '--') {
      words.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith('--')) parseLong(arg.slice(2), next, values);
    else if (arg.startsWith('-') && arg !== '-') parseShort(arg.slice(1), next, values);
    else words.push(arg);
  }
  return { values: values, words };
}

function parseLong(text: string, next: () => string | undefined, values: Mutable): void {
  const equals = text.indexOf('=');
  const given = equals === -1 ? text : text.slice(0, equals);
  const glued = equals === -1 ? undefined : text.slice(equals + 1);
  const option = findLong(given);
  const takesValue = option.row.kind !== 'flag';
  if (!takesValue && glued !== undefined) throw new UsageError(`option '--${option.name}' takes no value`);
  const value = takesValue && glued === undefined && option.row.optionalValue !== true ? next() : glued;
  store(option, `--${option.name}`, value, values);
}

function findLong(given: string): Named {
  const plain = given.startsWith('no-') ? given.slice(3) : given;
  const row = findRow(({ long, alias }) => long === given || alias === given || long === plain || alias === plain);
  const exact = row && namesOf(row).find(({ name }) => name === given);
  if (exact !== undefined) return exact;
  const long = everyOption().flatMap(namesOf);
  const begun = long.filter(({ name }) => name.startsWith(given));
  const [first] = begun;
  if (first === undefined || given === '') throw new UsageError(`unrecognized option '--${given}'${closest(given, long.map(({ name }) => name))}`);
  if (new Set(begun.map(({ row }) => row)).size > 1 || begun.some(({ negated }) => negated !== first.negated)) {
    throw new UsageError(`option '--${given}' is ambiguous: ${begun.map(({ name }) => `--${name}`).join(', ')}`);
  }
  return first;
}

function parseShort(cluster: string, next: () => string | undefined, values: Mutable): void {
  for (let i = 0; i < cluster.length; i++) {
    const letter = cluster[i]!;
    const row = findRow(({ short }) => short === letter);
    if (row === undefined) throw new UsageError(`invalid option -- '${letter}'`);
    const option = { name: letter, row, negated: false };
    if (row.kind === 'flag') {
      store(option, `-${letter}`, undefined, values);
      continue;
    }
    const rest = cluster.slice(i + 1);
    const glued = rest === '' ? undefined : rest;
    store(option, `-${letter}`, glued === undefined && row.optionalValue !== true ? next() : glued, values);
    return;
  }
}

function store({ row, negated }: Named, as: string, text: string | undefined, values: Mutable): void {
  if (row.kind === 'flag') {
    values[row.long] = !negated;
  } else if (row.kind === 'verbosity') {
    values[row.long] = verbosity(as, text, (values[row.long] as number | undefined) ?? DEFAULT_VERBOSITY);
  } else if (text === undefined) {
    if (row.optionalValue !== true) throw new UsageError(`option '${as}' needs a value: ${row.value ?? ''}`);
    values[row.long] = '';
  } else if (row.kind === 'list') {
    values[row.long] = [...((values[row.long] as string[] | undefined) ?? []), text];
  } else if (row.kind === 'number') {
    values[row.long] = wholeNumber(as, text);
  } else if (row.kind === 'size') {
    values[row.long] = size(as, text);
  } else values[row.long] = text;
}

/** `-v` one more, `-vvv` three more, `-v4` exactly four: CRIU counts from its default, so `-vv` is 4. */
function verbosity(as: string, text: string | undefined, before: number): number {
  if (text === undefined) return before + 1;
  if (/^v+$/.test(text)) return before + 1 + text.length;
  // `-verbosity=0` with one dash, as CRIU's own tests write it.
  if (text.startsWith('erbosity=')) return wholeNumber(as, text.slice('erbosity='.length));
  return wholeNumber(as, text);
}

function wholeNumber(as: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`invalid argument for ${as}: ${text} (not a number)`);
  return Number(text);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes: `65536`, `64K`, `1M`, `2G`. */
function size(as: string, text: string): number {
  const match = /^(\d{1,12})([KMG]?)$/.exec(text);
  if (match === null) throw new UsageError(`invalid argument for ${as}: ${text} (a size is such as 65536, 64K, 1M)`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

/** ", did you mean --x?" for a name that differs in one or two letters. */
export function closest(given: string, names: readonly string[], prefix = '--'): string {
  let best: string | undefined;
  let least = 3;
  for (const name of names) {
    const far = distance(given, name, least);
    if (far < least) [best, least] = [name, far];
  }
  return best === undefined ? '' : `; did you mean '${prefix}${best}'?`;
}

/** Levenshtein's distance, or `limit` where it is that much or more. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
  }
  return Math.min(limit, row[b.length]!);
}
