import { UsageError } from '../usage-error.js';
import { rowOf } from './parse.js';
import type { Values } from './table.js';

/**
 * Options whose effect we can't give are refused, all at once, instead of being passed over.
 * @returns notes for the log about options that need no effect
 * @throws UsageError
 */
export function judgeOptions(values: Values): string[] {
  const given = Object.entries(values).flatMap(([long, value]) => {
    const row = value === undefined || value === false ? undefined : rowOf(long);
    return row === undefined ? [] : [row];
  });
  const refused = given.filter(({ refused, long }) => refused !== undefined && !asksForNothing(refused.unless, values, long));
  if (refused.length > 0) {
    throw new UsageError(refused.map(({ long, refused }) => `option --${long} is not supported yet: ${refused!.why}`).join('\n  '));
  }
  return given.flatMap(({ long, ignored }) => (ignored === undefined ? [] : [`--${long} has no effect: ${ignored}`]));
}

function asksForNothing(unless: readonly string[] | undefined, values: Values, long: string): boolean {
  return unless?.includes(String((values as Record<string, unknown>)[long])) === true;
}
