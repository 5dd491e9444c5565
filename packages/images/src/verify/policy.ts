import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { IMAGE_TYPES } from '../image-types.js';
import { JsonInvalid } from '../json/json-invalid.js';
import type { JsonValue } from '../json/json-text.js';
import { objectAt } from '../json/message-json.js';
import { capabilitiesIn } from '../views/names.js';
import type { Finding } from './finding.js';

/** What a checkpoint may do when it is restored. What is left out is not asked for. */
export interface Policy {
  /** users that processes and threads may be, by any of their four ids */
  readonly uids?: readonly number[];
  /** false: not root, whatever `uids` says */
  readonly allowRoot?: boolean;
  /** names as in capabilities(7), without "CAP_", in small letters; of all sets but the bounding one */
  readonly capabilities?: readonly string[];
  /** false: no open, mapped or deleted file may be setuid or setgid, as far as the images know */
  readonly allowSetuid?: boolean;
  /** paths of programs and libraries: what processes run, and what they have mapped to be executed. "*" stands for anything but "/", "**" for anything */
  readonly executables?: readonly string[];
  /** paths of all files, and of working directories and roots */
  readonly paths?: readonly string[];
}

const KINDS: Readonly<Record<keyof Policy, 'numbers' | 'texts' | 'flag'>> = { uids: 'numbers', allowRoot: 'flag', capabilities: 'texts', allowSetuid: 'flag', executables: 'texts', paths: 'texts' };

/** @throws JsonInvalid where something is unknown or of another kind: a policy with a slip in it must not pass for one that asks for nothing */
export function policyOf(json: JsonValue): Policy {
  const policy = objectAt(json, 'policy');
  for (const [key, value] of Object.entries(policy)) {
    if (!Object.hasOwn(KINDS, key)) throw new JsonInvalid(`policy.${key}`, `a policy has ${Object.keys(KINDS).join(', ')}`);
    const kind = KINDS[key as keyof Policy];
    const type = kind === 'numbers' ? 'number' : 'string';
    const fits = kind === 'flag' ? typeof value === 'boolean' : Array.isArray(value) && value.every((item) => typeof item === type);
    if (!fits) throw new JsonInvalid(`policy.${key}`, kind === 'flag' ? 'expected true or false' : `expected a list of ${kind}`);
  }
  return policy as Policy;
}

/** "**" is anything, "*" anything but "/", all else itself. */
function matcher(patterns: readonly string[]): (path: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const source = pattern.split('**').map((part) => part.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('[^/]*')).join('.*');
    return new RegExp(`^${source}$`, 's');
  });
  return (path) => expressions.some((expression) => expression.test(path));
}

/** A path that climbs out of where it seems to lie is none that a pattern may allow. */
const climbs = (path: string): boolean => path.split('/').includes('..');

const SETID = 0o6000;

/** What the policy does not allow. @throws ImageCorrupt: what can't be read can't be allowed */
export async function checkPolicy(checkpoint: Checkpoint, policy: Policy): Promise<Finding[]> {
  const findings: Finding[] = [];
  const allowedPath = matcher(policy.paths ?? []);
  const allowedProgram = matcher(policy.executables ?? []);
  const files = await checkpoint.openFiles();
  for (const process of await checkpoint.processes()) {
    if (process.isZombie) continue;
    const { pid } = process;
    const whole = await process.credentials();
    for (const { tid, credentials = whole } of await process.threads()) {
      const who = tid === pid ? `process ${pid} (${process.name})` : `thread ${tid} of process ${pid} (${process.name})`;
      if (credentials === undefined) {
        findings.push({ rule: 'policy-uid', message: `${who} has no credentials in the images`, pid });
        continue;
      }
      const uids = [...new Set([credentials.uid, credentials.euid, credentials.suid, credentials.fsuid])];
      const refused = uids.filter((uid) => (policy.uids !== undefined && !policy.uids.includes(uid)) || (policy.allowRoot === false && uid === 0));
      if (refused.length > 0) findings.push({ rule: 'policy-uid', message: `${who} is user ${refused.join(' and ')}`, pid });
      const { capEff, capPrm, capInh, capAmb } = credentials;
      const capabilities = [...new Set([capEff, capPrm, capInh, capAmb].flatMap(capabilitiesIn))].filter((name) => policy.capabilities !== undefined && !policy.capabilities.includes(name));
      if (capabilities.length > 0) findings.push({ rule: 'policy-capability', message: `${who} has ${capabilities.join(', ')}`, pid });
    }
    if (policy.executables !== undefined) {
      const programs = new Set([await process.executable(), ...(await process.regions()).filter(({ kind }) => kind === 'code').map(({ name }) => name)]);
      for (const program of programs) if (program === undefined || climbs(program) || !allowedProgram(program)) findings.push({ rule: 'policy-executable', message: `process ${pid} (${process.name}) runs code of ${program ?? 'a file that is not in the images'}`, pid });
    }
  }
  for (const { id, kind, name, entry } of files.values()) {
    const path = kind === 'regular' || kind === 'fifo' || (kind === 'unix' && name.startsWith('/')) ? (kind === 'unix' ? name.split(' ')[0]! : name) : undefined;
    if (path !== undefined && policy.paths !== undefined && (climbs(path) || !allowedPath(path))) findings.push({ rule: 'policy-path', message: `file ${id} is ${path}`, file: 'files.img' });
    if (policy.allowSetuid === false && ((entry.reg?.mode ?? 0) & SETID) !== 0) findings.push({ rule: 'policy-setuid', message: `${name} is setuid or setgid`, file: 'files.img' });
  }
  if (policy.allowSetuid === false) {
    for (const id of checkpoint.images.ids(IMAGE_TYPES.ghostFile)) {
      const [ghost] = await checkpoint.images.read(IMAGE_TYPES.ghostFile, id);
      if (ghost !== undefined && 'mode' in ghost.message && (ghost.message.mode & SETID) !== 0) findings.push({ rule: 'policy-setuid', message: `the deleted file ${id} is setuid or setgid`, file: `ghost-file-${id.toString(16)}.img` });
    }
  }
  return findings;
}
