/** criu(8): what becomes of cgroups. `ignore`: nothing at all; the others say what is allowed with cgroups that are there, or aren't. */
export const CGROUP_MODES = ['none', 'props', 'soft', 'full', 'strict', 'ignore'] as const;
export type CgroupMode = (typeof CGROUP_MODES)[number];

/** Another place for the tree's cgroups, of all controllers or of one. */
export interface CgroupRoot {
  readonly controller?: string;
  readonly path: string;
}

/** Of {@link CommonOptions}. */
export interface CgroupOptions {
  /** Default `soft`. */
  readonly manageCgroups?: CgroupMode;
  readonly cgroupRoots?: readonly CgroupRoot[];
  /** Which files of a cgroup are kept, in CRIU's words. */
  readonly cgroupProps?: readonly string[];
  /** Only these hierarchies (`cpu,cpuacct`, `name=systemd`, '' for v2); all where absent. */
  readonly cgroupDumpControllers?: readonly string[];
  /** Directory in which all hierarchies are mounted. */
  readonly cgroupYard?: string;
}

export const modeOf = ({ manageCgroups = 'soft' }: CgroupOptions): CgroupMode => manageCgroups;

/** The new root for a hierarchy; undefined: it stays. */
export function newRootOf({ cgroupRoots = [] }: CgroupOptions, controllers: readonly string[]): string | undefined {
  const own = cgroupRoots.find(({ controller }) => controller !== undefined && controllers.some((name) => name === controller || name === `name=${controller}`));
  return (own ?? cgroupRoots.find(({ controller }) => controller === undefined))?.path;
}
