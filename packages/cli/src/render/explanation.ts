import type { Explanation, Finding } from '@criu-ts/core';
import { countText } from './units.js';

/**
 * Every obstacle in three lines, as errors are told; warnings in one; the verdict last.
 * ```
 * obstacle: cannot dump fd 7 → anon_inode:[userfaultfd] of process 41 (qemu): …  [unsupported-file]
 *   why: its registrations can not be read back
 *   do:  …
 * warning: process 41 (qemu): …
 * 1 obstacle: process 41 could not be dumped now (1 process looked at).
 * ```
 */
export function explanationText({ possible, tasks, findings }: Explanation, verb: 'dump' | 'restore', what: string): string {
  const obstacles = findings.filter(({ severity }) => severity === 'obstacle');
  const warnings = findings.filter(({ severity }) => severity === 'warning');
  const looked = countText(tasks, 'process', 'processes');
  const verdict = possible
    ? `${what} could be ${verb === 'dump' ? 'dumped' : 'restored here'} now: nothing stands in the way (${looked} looked at).`
    : `${countText(obstacles.length, 'obstacle', 'obstacles')}: ${what} could not be ${verb === 'dump' ? 'dumped' : 'restored here'} now (${looked} looked at).`;
  return [...obstacles.flatMap(obstacleLines), ...warnings.map(({ message }) => `warning: ${message}`), verdict, ''].join('\n');
}

function obstacleLines({ message, code, why, hint }: Finding): string[] {
  return [`obstacle: ${message}  [${code}]`, ...(why === undefined ? [] : [`  why: ${why}`]), ...(hint === undefined ? [] : [`  do:  ${hint}`])];
}
