import { countText, safeText, sizeText } from '../report/units.js';
import type { EditReport, EditResult, Place } from './report.js';

/** Places of an edit that are shown. */
const SHOWN = 12;

/** A report for people. */
export function* editReportText(report: EditReport): Generator<string> {
  for (const edit of report.edits) yield* resultLines(edit);
  for (const place of report.left) yield `left: ${placeText(place)}`;
  for (const place of report.notLookedAt) yield `not looked at: ${placeText(place)}`;
  for (const note of report.notes) yield `note: ${safeText(note)}`;
}

function* resultLines({ edit, changes, places, more }: EditResult): Generator<string> {
  yield `${edit}: ${countText(changes, 'change')}`;
  for (const place of places.slice(0, SHOWN)) yield `  ${placeText(place)}`;
  const rest = changes - places.slice(0, SHOWN).reduce((sum, { count = 1 }) => sum + count, 0);
  if (rest > 0 || more > 0) yield `  … and ${rest} more (--json lists them)`;
}

function placeText({ file, pid, object, address, length, from, to, count }: Place): string {
  const parts = [
    file,
    pid === undefined ? undefined : `process ${pid}`,
    object,
    address === undefined ? undefined : `0x${address}`,
    length === undefined ? undefined : sizeText(length),
    from === undefined ? undefined : `${from} → ${to}`,
    count === undefined ? undefined : `${count} times`,
  ];
  return safeText(parts.filter((part) => part !== undefined).join(', '));
}
