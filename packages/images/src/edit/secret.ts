import { StreamSearch } from '../search/stream-search.js';
import type { Pattern, StreamMatch } from '../search/stream-search.js';
import type { RedactEdit } from './edits.js';
import { EditRefused } from './refusal.js';
import type { Outcome } from './report.js';

const ASTERISK = 0x2a;
/** The longest match of a regular expression. */
export const LONGEST_MATCH = 64 * 1024;

/** One pattern, ready to be looked for. */
export interface Secret {
  readonly outcome: Outcome;
  readonly fill: number;
  /** the forms in which it may be there */
  readonly patterns: readonly Pattern[];
}

/** @throws EditRefused */
export const secretOf = (edit: RedactEdit, outcome: Outcome): Secret => ({ outcome, patterns: formsOf(edit), fill: fillOf(edit) });

function fillOf({ fill = ASTERISK, pattern }: RedactEdit): number {
  if (!Number.isInteger(fill) || fill < 0 || fill > 255) throw new EditRefused('edit-refused', 'fill', `${fill} is no byte`);
  if (pattern instanceof RegExp) return fill;
  const bytes = typeof pattern === 'string' ? new TextEncoder().encode(pattern) : pattern;
  if (bytes.every((byte) => byte === fill)) throw new EditRefused('edit-refused', 'fill', 'what is to be redacted is made of it', 'choose another byte');
  return fill;
}

/** Text as UTF-8, and as JavaScript, Java and Windows have it in memory: UTF-16. */
function formsOf({ pattern }: RedactEdit): Pattern[] {
  if (pattern instanceof RegExp) return [pattern];
  const length = typeof pattern === 'string' ? new TextEncoder().encode(pattern).length : pattern.length;
  if (length === 0 || 2 * length > LONGEST_MATCH) throw new EditRefused('edit-refused', 'what is to be redacted', `it has ${length} bytes`);
  if (typeof pattern !== 'string') return [pattern];
  const wide = new Uint8Array(2 * pattern.length);
  for (let i = 0; i < pattern.length; i++) new DataView(wide.buffer).setUint16(2 * i, pattern.charCodeAt(i), true);
  return [pattern, wide];
}

/** @throws EditRefused of a match that may go on beyond what was looked at */
export function wholeMatch(match: StreamMatch, where: string): StreamMatch {
  if (match.cut) throw new EditRefused('edit-refused', where, `a match is longer than ${LONGEST_MATCH} bytes`, 'let the regular expression say where it ends');
  return match;
}

export const searches = ({ patterns }: Secret): StreamSearch[] => patterns.map((pattern) => new StreamSearch(pattern, LONGEST_MATCH));

/** Where it is in bytes that are all there. */
export const matchesOf = (secret: Secret, bytes: Uint8Array): StreamMatch[] => searches(secret).flatMap((search) => [...search.push(0n, bytes), ...search.end()]);
