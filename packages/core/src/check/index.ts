import { toCriuError } from '../errors.js';
import { Bench } from './bench.js';
import type { FeatureCategory } from './feature.js';
import { FEATURES } from './table.js';

export type { FeatureCategory } from './feature.js';

/** The names that {@link checkFeatures} takes: CRIU's 45 first, then ours. */
export const featureNames: readonly string[] = [...FEATURES.filter(({ criu }) => criu), ...FEATURES.filter(({ criu }) => !criu)].map(({ name }) => name);

export interface CheckOptions {
  /** Only the features of these names. */
  readonly names?: readonly string[];
  /** Only these categories; all where neither is given. */
  readonly categories?: readonly FeatureCategory[];
}

/** What was found out about one feature. */
export interface FeatureState {
  readonly name: string;
  /** Whether the name is one of `criu check --feature`. */
  readonly criu: boolean;
  readonly category: FeatureCategory;
  readonly present: boolean;
  /** Why it counts as missing. */
  readonly reason?: string;
  readonly neededFor: string;
  /** What to do where it is missing. */
  readonly without: string;
  /** The first kernel that has it, or the option that it is built with. */
  readonly since: string;
}

export interface HostCheck {
  /** Every `basic` feature that was looked at is there. */
  readonly good: boolean;
  /** Everything that was looked at is there. */
  readonly complete: boolean;
  readonly features: readonly FeatureState[];
}

/**
 * Tries what this kernel can do, each thing for real, in processes that are gone afterwards.
 * @throws RangeError for a name that is none
 */
export async function checkFeatures({ names, categories }: CheckOptions = {}): Promise<HostCheck> {
  const unknown = names?.find((name) => !featureNames.includes(name));
  if (unknown !== undefined) throw new RangeError(`unknown feature ${unknown}`);
  const wanted = FEATURES.filter(({ name, category }) => (names === undefined || names.includes(name)) && (categories === undefined || categories.includes(category)));
  const bench = new Bench();
  const features: FeatureState[] = [];
  for (const { probe, ...facts } of wanted) {
    // So that signals are heard between two of them.
    await new Promise(setImmediate);
    const result = attempt(() => probe(bench));
    features.push({ ...facts, present: result === true, ...(typeof result === 'string' && { reason: result }) });
  }
  return { good: features.every(({ category, present }) => present || category !== 'basic'), complete: features.every(({ present }) => present), features };
}

function attempt(probe: () => boolean | string): boolean | string {
  try {
    return probe();
  } catch (error) {
    return toCriuError(error).what;
  }
}
