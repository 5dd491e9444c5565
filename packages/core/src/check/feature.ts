import type { Bench } from './bench.js';

/**
 * `basic`: nothing works without it · `extra`: some processes need it · `experimental`: CRIU calls it so · `named`:
 * only looked at when it is asked for by name.
 */
export type FeatureCategory = 'basic' | 'extra' | 'experimental' | 'named';

/** Something that a kernel has or lacks, and how to find out. */
export interface Feature {
  /** Where {@link criu} is set, the name that `criu check --feature` has for it. */
  readonly name: string;
  readonly criu: boolean;
  readonly category: FeatureCategory;
  /** Completes "needed for …". */
  readonly neededFor: string;
  /** What the user can do where it is missing, or what happens then. */
  readonly without: string;
  /** The first kernel that has it, or the option that it is built with. */
  readonly since: string;
  /**
   * Tries it, leaving nothing behind.
   * @returns whether it is there; a text says why not
   * @throws anything: it is not there
   */
  readonly probe: (bench: Bench) => boolean | string;
}

type Facts = Omit<Feature, 'name' | 'criu' | 'category' | 'probe'>;

/** Rows of a table: `feature('timerfd', 'extra', facts, probe)`, a name of CRIU's. */
export function feature(name: string, category: FeatureCategory, facts: Facts, probe: Feature['probe']): Feature {
  return { name, criu: true, category, ...facts, probe };
}

/** A row whose name is ours: CRIU looks at it too, without a name, or does not need it. */
export function ownFeature(name: string, category: FeatureCategory, facts: Facts, probe: Feature['probe']): Feature {
  return { name, criu: false, category, ...facts, probe };
}
