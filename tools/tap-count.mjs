// Counts a TAP stream (https://testanything.org/tap-version-14-specification.html, with node-tap's subtests).
import { Parser } from 'tap-parser';

/**
 * Assertions count, wherever they are nested. A subtest counts only when it failed although nothing in it did: a file
 * that crashed, a plan not met, a time-out. A file without a single assertion failed as well.
 * @param {string} tap
 * @returns {{ passed: number, failed: number, skipped: number, failures: string[], skips: string[] }}
 */
export function countTap(tap) {
  const count = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  const parser = new Parser();
  watch(parser, [], count);
  let complete = false;
  parser.on('complete', (result) => {
    complete = true;
    if (result.bailout !== false) fail(count, [], `bail out: ${String(result.bailout)}`);
    // A stream that is cut short, or a plan that isn't met, with no failed line of its own.
    else if (!result.ok && count.failed === 0) fail(count, [], 'the stream is incomplete');
    else if (count.passed + count.failed + count.skipped === 0) fail(count, [], 'no tests');
  });
  parser.end(tap);
  if (!complete) fail(count, [], 'no end');
  return count;
}

function watch(parser, path, count) {
  // A subtest is parsed, and has counted, before the line that sums it up arrives.
  let before = count.failed;
  let isSum = false;
  parser.on('child', (child) => {
    before = count.failed;
    isSum = true;
    watch(child, [...path, child.name], count);
  });
  parser.on('assert', (assertion) => {
    const { ok, skip, todo, name } = assertion;
    const sums = isSum;
    isSum = false;
    if (skip === 'no tests found') fail(count, [...path, name], skip);
    else if (sums) {
      if (!ok && count.failed === before && !skip && !todo) fail(count, [...path, name], describe(assertion));
    } else if (skip || todo) {
      count.skipped++;
      count.skips.push(`${[...path, name].filter(Boolean).join(' > ')}: ${skip || todo}`);
    } else if (ok) count.passed++;
    else fail(count, [...path, name], describe(assertion));
  });
}

function fail(count, path, what) {
  count.failed++;
  count.failures.push(`${path.filter(Boolean).join(' > ')}${what === '' ? '' : `: ${what}`}`);
}

/** The diagnostics that say most. */
function describe({ diag }) {
  if (diag === null || typeof diag !== 'object') return '';
  const { at, stack, source, ...rest } = diag;
  const place = typeof at === 'object' && at !== null ? ` at ${at.fileName}:${at.lineNumber}` : '';
  return `${place}\n${JSON.stringify(rest, null, 2).replaceAll('\\n', '\n').slice(0, 4000)}`;
}
