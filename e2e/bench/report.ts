import type { Target } from './cases.js';
import type { Samples } from './measure.js';

const text = (value: number | undefined): string => (value === undefined ? '–' : value >= 100 ? value.toFixed(0) : value.toFixed(1)).padStart(9);

/** Prints medians of both, their ratio, and whether the target was reached. Returns whether all were. */
export function report(title: string, ours: Samples, theirs: Samples | undefined, targets: readonly Target[]): boolean {
  console.log(`\n${title}`);
  console.log(`${''.padEnd(26)}     ours      peer     ratio`);
  let all = true;
  for (const figure of Object.keys(ours.toJSON())) {
    const [mine, other] = [ours.median(figure), theirs?.median(figure)];
    const ratio = mine !== undefined && other !== undefined && other > 0 ? mine / other : undefined;
    const target = targets.find((wanted) => wanted.figure === figure);
    const reached = judge(target, mine, ratio);
    if (reached === false) all = false;
    const limit = target?.ratio === undefined ? `at most ${target?.atMost}` : `at most ${target.ratio} times`;
    console.log(`${figure.padEnd(26)}${text(mine)} ${text(other)} ${ratio === undefined ? '        –' : ratio.toFixed(2).padStart(9)}${reached === undefined ? '' : `   ${limit}: ${reached ? 'reached' : 'MISSED'}`}`);
  }
  return all;
}

function judge(target: Target | undefined, mine: number | undefined, ratio: number | undefined): boolean | undefined {
  if (target?.ratio !== undefined) return ratio === undefined ? undefined : ratio <= target.ratio;
  return target?.atMost === undefined || mine === undefined ? undefined : mine <= target.atMost;
}
