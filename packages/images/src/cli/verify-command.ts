import { readFileSync } from 'node:fs';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { openCheckpoint } from '../checkpoint/open-node.js';
import { ImageCorrupt } from '../errors.js';
import { parseJson } from '../json/json-text.js';
import { countText, safeText } from '../report/units.js';
import type { Finding } from '../verify/finding.js';
import { RULES, levelOf } from '../verify/finding.js';
import type { Asked } from '../verify/formats.js';
import { junitOf, sarifOf } from '../verify/formats.js';
import type { HostProblem } from '../verify/host.js';
import { hostFindings } from '../verify/host.js';
import { policyOf } from '../verify/policy.js';
import { verifyCheckpoint } from '../verify/verify.js';
import type { VerifyOptions } from '../verify/verify.js';
import { askHost, judgeHostOption } from './ask-host.js';
import type { Command } from './command.js';
import { UsageError } from './terminal.js';

/** Exit codes: what a job in CI asks. */
const WHOLE = 0;
const DAMAGED = 1;
const REFUSED = 3;

const EXITS: readonly (readonly [ReturnType<typeof levelOf>, number])[] = [['damage', DAMAGED], ['policy', REFUSED], ['host', REFUSED]];

const FORMATS = ['text', 'json', 'sarif', 'junit'];

export const verifyCommand: Command = {
  summary: 'is a checkpoint whole, does a policy allow it, does this host fit',
  usage: '[--policy FILE] [--host] [--quick] [--format text|json|sarif|junit] CHECKPOINT',
  options: { policy: { type: 'string' }, host: { type: 'boolean' }, quick: { type: 'boolean' }, format: { type: 'string' } },
  positionals: ['checkpoint'],
  candidates: { format: FORMATS },
  help: [
    '--policy FILE  JSON: uids, allowRoot, capabilities, allowSetuid, executables, paths',
    '--host         could this host restore it now: PIDs, files, CPU, kernel, capabilities (criu-ts only; nothing is changed)',
    '--quick        page contents are counted only; otherwise those that have checksums are read',
    '--format F     text (by default), json, sarif (for code scanning), junit',
    'exit code: 0 whole and allowed, 1 damaged, 2 wrong command line or policy, 3 whole, but refused by the policy or this host',
    '',
    ...Object.entries(RULES).map(([name, { text }]) => `${name.padEnd(20)}${text}`),
  ],
  async run(args, terminal) {
    const { values, positionals: [where] } = args;
    judgeHostOption(args, terminal);
    const judge = values.host === true ? terminal.host : undefined;
    const format = typeof values.format === 'string' ? values.format : 'text';
    if (!FORMATS.includes(format)) throw new UsageError(`--format is one of ${FORMATS.join(', ')}`);
    const policy = typeof values.policy === 'string' ? readPolicy(values.policy) : undefined;
    const findings = await findingsOf(where!, { policy, pages: values.quick !== true }, judge && ((checkpoint) => askHost(checkpoint, where!, judge)));
    const asked: Asked = { policy: policy !== undefined, host: judge !== undefined && !isDamaged(findings) };
    if (format === 'json') terminal.stdout(`${JSON.stringify({ checkpoint: where, ok: findings.every((finding) => levelOf(finding) === 'doubt'), findings: findings.map((finding) => ({ ...finding, level: levelOf(finding) })) })}\n`);
    else if (format === 'sarif') terminal.stdout(`${JSON.stringify(sarifOf(findings, terminal.version.trim()), undefined, 2)}\n`);
    else if (format === 'junit') terminal.stdout(junitOf(findings, where!, asked));
    else for (const line of textLines(where!, findings, asked)) terminal.stdout(`${line}\n`);
    const levels = new Set(findings.map(levelOf));
    return EXITS.find(([level]) => levels.has(level))?.[1] ?? WHOLE;
  },
};

const isDamaged = (findings: readonly Finding[]): boolean => findings.some((finding) => levelOf(finding) === 'damage');

function readPolicy(file: string): ReturnType<typeof policyOf> {
  try {
    return policyOf(parseJson(readFileSync(file, 'utf8')));
  } catch (error) {
    // A policy that can't be read is the caller's mistake, not the checkpoint's.
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A file that is no checkpoint at all is a finding, too: CI wants its report. */
async function findingsOf(where: string, options: VerifyOptions, ask?: (checkpoint: Checkpoint) => Promise<readonly HostProblem[]>): Promise<Finding[]> {
  try {
    using checkpoint = await openCheckpoint(where);
    const findings = await verifyCheckpoint(checkpoint, options);
    // What is damaged, no host can be asked about.
    return ask === undefined || isDamaged(findings) ? findings : [...findings, ...hostFindings(await ask(checkpoint))];
  } catch (error) {
    if (!(error instanceof ImageCorrupt)) throw error;
    return [{ rule: 'damaged-image', message: error.message, file: error.file }];
  }
}

function* textLines(where: string, findings: readonly Finding[], asked: Asked): Generator<string> {
  for (const finding of findings) {
    yield `${levelOf(finding).padEnd(7)} ${finding.rule.padEnd(19)} ${safeText(finding.file !== undefined && !finding.message.includes(finding.file) ? `${finding.file}: ${finding.message}` : finding.message)}`;
    if (finding.why !== undefined) yield `  why: ${safeText(finding.why)}`;
    if (finding.hint !== undefined) yield `  do:  ${safeText(finding.hint)}`;
  }
  const count = (level: string): number => findings.filter((finding) => levelOf(finding) === level).length;
  const verdict = (level: string, good: string, bad: string): string => (count(level) === 0 ? good : `${bad}: ${countText(count(level), 'finding')}`);
  yield [
    `${safeText(where)}: ${verdict('damage', 'whole', 'damaged')}`,
    ...(asked.policy ? [verdict('policy', 'allowed by the policy', 'refused by the policy')] : []),
    ...(asked.host ? [verdict('host', 'fits this host', 'does not fit this host')] : []),
    ...(count('doubt') ? [countText(count('doubt'), 'doubt')] : []),
  ].join(', ');
}
