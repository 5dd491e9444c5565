// The declarations as help, completions and manual pages show them.
import type { OptionSpec } from './spec.js';
import { optionGroups } from './table.js';

/** Options that a command's help shows. */
export function optionsOf(command: string): OptionSpec[] {
  return optionGroups.flatMap(({ rows }) => rows.filter(({ of }) => (of as readonly string[]).includes(command)));
}

export function allOptions(): OptionSpec[] {
  return optionGroups.flatMap(({ rows }) => [...rows]);
}

/** All that can be typed for an option: `-D`, `--images-dir`. */
export function spellings({ short, long, alias, negatable }: OptionSpec): string[] {
  return [...(short === undefined ? [] : [`-${short}`]), `--${long}`, ...(alias === undefined ? [] : [`--${alias}`]), ...(negatable === true ? [`--no-${long}`] : [])];
}

/** What a shell can offer as the value of an option. */
export type ValueKind = 'none' | 'directory' | 'file' | 'process' | 'feature' | 'anything';

const BY_NAME: Readonly<Record<string, ValueKind>> = { DIR: 'directory', FILE: 'file', PID: 'process', FEATURE: 'feature' };

export function valueKind({ kind, value }: OptionSpec): ValueKind {
  return kind === 'flag' ? 'none' : (BY_NAME[value ?? ''] ?? 'anything');
}
