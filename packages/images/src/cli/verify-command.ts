import { readFileSync } from 'node:fs';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { ImageCorrupt } from '../errors.js';
import { parseJson } from '../json/json-text.js';
import { countText, safeText } from '../report/units.js';
import type { Finding } from '../verify/finding.js';
import { RULES, levelOf } from '../verify/finding.js';
import { junitOf, sarifOf } from '../verify/formats.js';
import { policyOf } from '../verify/policy.js';
import { verifyCheckpoint } from '../verify/verify.js';
import type { VerifyOptions } from '../verify/verify.js';
import type { Command } from './command.js';
import { UsageError } from './terminal.js';

/** Exit codes: what a job in CI asks. */
const WHOLE = 0;
const DAMAGED = 1;
const REFUSED = 3;

const FORMATS = ['text', 'json', 'sarif', 'junit'];

export const verifyCommand: Command = {
  summary: 'is a checkpoint whole, and does a policy allow it',
  usage: '[--policy FILE] [--quick] [--format text|json|sarif|junit] CHECKPOINT',
  options: { policy: { type: 'string' }, quick: { type: 'boolean' }, format: { type: 'string' } },
  positionals: ['checkpoint'],
  help: [
    '--policy FILE  JSON: uids, allowRoot, capabilities, allowSetuid, executables, paths',
    '--quick        page contents are counted only; otherwise those that have checksums are read',
    '--format F     text (by default), json, sarif (for code scanning), junit',
    'exit code: 0 whole and allowed, 1 damaged, 2 wrong command line or policy, 3 whole, but refused by the policy',
    'Whether this host can restore it, criu-ts explain -D DIR tells.',
    '',
    ...Object.entries(RULES).map(([name, { text }]) => `${name.padEnd(20)}${text}`),
  ],
  async run({ values, positionals: [where] }, terminal) {
    const format = typeof values.format === 'string' ? values.format : 'text';
    if (!FORMATS.includes(format)) throw new UsageError(`--format is one of ${FORMATS.join(', ')}`);
    const policy = typeof values.policy === 'string' ? readPolicy(values.policy) : undefined;
    const findings = await findingsOf(where!, { policy, pages: values.quick !== true });
    if (format === 'json') terminal.stdout(`${JSON.stringify({ checkpoint: where, ok: findings.every((finding) => levelOf(finding) === 'doubt'), findings: findings.map((finding) => ({ ...finding, level: levelOf(finding) })) })}\n`);
    else if (format === 'sarif') terminal.stdout(`${JSON.stringify(sarifOf(findings, terminal.version.trim()), undefined, 2)}\n`);
    else if (format === 'junit') terminal.stdout(junitOf(findings, where!, policy !== undefined));
    else for (const line of textLines(where!, findings, policy !== undefined)) terminal.stdout(`${line}\n`);
    const levels = new Set(findings.map(levelOf));
    return levels.has('damage') ? DAMAGED : levels.has('policy') ? REFUSED : WHOLE;
  },
};

function readPolicy(file: string): ReturnType<typeof policyOf> {
  try {
    return policyOf(parseJson(readFileSync(file, 'utf8')));
  } catch (error) {
    // A policy that can't be read is the caller's mistake, not the checkpoint's.
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A file that is no checkpoint at all is a finding, too: CI wants its report. */
async function findingsOf(where: string, options: VerifyOptions): Promise<Finding[]> {
  try {
    using checkpoint = await openCheckpoint(where);
    return await verifyCheckpoint(checkpoint, options);
  } catch (error) {
    if (!(error instanceof ImageCorrupt)) throw error;
    return [{ rule: 'damaged-image', message: error.message, file: error.file }];
  }
}

function* textLines(where: string, findings: readonly Finding[], policy: boolean): Generator<string> {
  for (const finding of findings) yield `${levelOf(finding).padEnd(7)} ${finding.rule.padEnd(19)} ${safeText(finding.file !== undefined && !finding.message.includes(finding.file) ? `${finding.file}: ${finding.message}` : finding.message)}`;
  const count = (level: string): number => findings.filter((finding) => levelOf(finding) === level).length;
  const whole = count('damage') === 0 ? 'whole' : `damaged: ${countText(count('damage'), 'finding')}`;
  const allowed = !policy ? '' : count('policy') === 0 ? ', allowed by the policy' : `, refused by the policy: ${countText(count('policy'), 'finding')}`;
  yield `${safeText(where)}: ${whole}${allowed}${count('doubt') ? `, ${countText(count('doubt'), 'doubt')}` : ''}`;
}
