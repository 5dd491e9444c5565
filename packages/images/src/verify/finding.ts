/** Something that is wrong with a checkpoint, or that a policy does not allow. */
export interface Finding {
  /** which check found it: "damaged-image", "policy-uid" … */
  readonly rule: RuleName;
  readonly message: string;
  /** the image it is about */
  readonly file?: string | undefined;
  readonly pid?: number | undefined;
  readonly why?: string | undefined;
  /** the way out */
  readonly hint?: string | undefined;
}

interface Rule {
  /** damage: a restore fails or gives another program; doubt: it may; policy: it is not wanted; host: not here */
  readonly level: 'damage' | 'doubt' | 'policy' | 'host';
  readonly text: string;
}

/** Every check there is, by its name. */
export const RULES = {
  'damaged-image': { level: 'damage', text: 'every image can be decoded to its end' },
  'missing-image': { level: 'damage', text: 'every image that another one speaks of is there' },
  'dangling-reference': { level: 'damage', text: 'every id in an image leads to an entry' },
  'broken-tree': { level: 'damage', text: 'processes, groups and sessions make a tree' },
  'broken-memory': { level: 'damage', text: 'mappings don’t overlap, and dumped pages lie in them' },
  'missing-pages': { level: 'damage', text: 'every page that a pagemap tells of is there, in the set or in its parents' },
  'damaged-pages': { level: 'damage', text: 'pages that have checksums fit them' },
  'surplus-pages': { level: 'doubt', text: 'page files are no larger than their pagemaps say' },
  'unknown-file': { level: 'doubt', text: 'every file is of a kind that is known' },
  'unknown-version': { level: 'doubt', text: 'the images are of a version that is known' },
  'policy-uid': { level: 'policy', text: 'processes run as users that the policy allows' },
  'policy-capability': { level: 'policy', text: 'processes have only capabilities that the policy allows' },
  'policy-setuid': { level: 'policy', text: 'no file is setuid or setgid' },
  'policy-executable': { level: 'policy', text: 'only executables that the policy names are mapped' },
  'policy-path': { level: 'policy', text: 'only files that the policy names are opened or mapped' },
  'host-pid': { level: 'host', text: 'the PIDs and thread ids are free on this host' },
  'host-file': { level: 'host', text: 'this host has the files, as they were' },
  'host-cpu': { level: 'host', text: 'the CPU has what the processes used' },
  'host-kernel': { level: 'host', text: 'the kernel has what a restore of them needs' },
  'host-capability': { level: 'host', text: 'whoever asks has the capabilities that a restore needs' },
  'host-taken': { level: 'host', text: 'ports, names, terminals and shared memory are free' },
  'host-other': { level: 'host', text: 'nothing else of this host stands in the way' },
  'host-unsupported': { level: 'host', text: 'criu-ts can restore all of it' },
  'host-difference': { level: 'doubt', text: 'nothing would be lost or different when it is restored here' },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

export const levelOf = (finding: Finding): Rule['level'] => RULES[finding.rule].level;
