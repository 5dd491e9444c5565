import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { ImageCorrupt } from '../errors.js';
import type { Finding } from './finding.js';
import type { Policy } from './policy.js';
import { checkPolicy } from './policy.js';
import { checkWhole } from './whole.js';

export interface VerifyOptions {
  readonly policy?: Policy | undefined;
  /** false: page contents are not read, only counted */
  readonly pages?: boolean;
}

/** Everything that is wrong with a checkpoint, damage before doubts before what the policy refuses. */
export async function verifyCheckpoint(checkpoint: Checkpoint, { policy, pages = true }: VerifyOptions = {}): Promise<Finding[]> {
  const findings = await checkWhole(checkpoint, { pages });
  if (policy === undefined) return findings;
  try {
    return [...findings, ...(await checkPolicy(checkpoint, policy))];
  } catch (error) {
    if (!(error instanceof ImageCorrupt)) throw error;
    // Told once as damage already, where it is; a policy that could not be applied must not pass.
    return [...findings, { rule: 'damaged-image', message: `the policy could not be applied: ${error.message}`, file: error.file }];
  }
}
