import type { FeatureState } from '@criu-ts/core';

/**
 * A line a feature: whether it is there, its name, since which kernel, what it is needed for.
 * ```
 * yes  clone3_set_tid  5.5   restoring processes and threads with their PIDs
 * ```
 */
export function featureTable(features: readonly FeatureState[]): string {
  const widest = (of: (feature: FeatureState) => string): number => Math.max(...features.map((feature) => of(feature).length));
  const [name, since] = [widest((feature) => feature.name), widest((feature) => feature.since)];
  return features.map((feature) => `${feature.present ? 'yes' : 'NO '}  ${feature.name.padEnd(name)}  ${feature.since.padEnd(since)}  ${feature.neededFor}\n`).join('');
}

/** What is missing, with its reason and the way out. */
export function missingText(features: readonly FeatureState[]): string {
  return features
    .filter(({ present }) => !present)
    .map(({ name, category, reason, neededFor, without }) => `${category === 'basic' ? 'Error' : 'Warn '} (criu-ts): ${name} is missing${reason === undefined ? '' : ` (${reason})`}\n  needed for: ${neededFor}\n  do:         ${without}\n`)
    .join('');
}
