import type { Finding } from './finding.js';
import { RULES, levelOf } from './finding.js';

/** Findings as programs want them. */

/** Which checks were made beside that it is whole. */
export interface Asked {
  readonly policy: boolean;
  readonly host: boolean;
}

const sentence = ({ message, why, hint }: Finding): string => [message, ...(why === undefined ? [] : [`why: ${why}`]), ...(hint === undefined ? [] : [`do: ${hint}`])].join('; ');

/** SARIF 2.1.0, which code scanning of GitHub and others takes. */
export function sarifOf(findings: readonly Finding[], version: string): object {
  const names = Object.keys(RULES) as (keyof typeof RULES)[];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'criu-images', version, rules: names.map((id) => ({ id, shortDescription: { text: RULES[id].text }, defaultConfiguration: { level: RULES[id].level === 'doubt' ? 'warning' : 'error' } })) } },
        results: findings.map((finding) => ({
          ruleId: finding.rule,
          ruleIndex: names.indexOf(finding.rule),
          level: levelOf(finding) === 'doubt' ? 'warning' : 'error',
          message: { text: sentence(finding) },
          locations: [{ physicalLocation: { artifactLocation: { uri: encodeURI(finding.file ?? 'inventory.img') } }, ...(finding.pid !== undefined && { logicalLocations: [{ name: `process ${finding.pid}`, kind: 'process' }] }) }],
        })),
      },
    ],
  };
}

// eslint-disable-next-line no-control-regex -- XML 1.0 has no way to write them
const xml = (text: string): string => text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udfff]/g, '?').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** JUnit's XML: a test case for each check, failed where there are findings. Doubts are told, and fail nothing. */
export function junitOf(findings: readonly Finding[], name: string, { policy, host }: Asked): string {
  const rules = (Object.keys(RULES) as (keyof typeof RULES)[]).filter((rule) => (policy || RULES[rule].level !== 'policy') && (host || !rule.startsWith('host-')));
  const cases = rules.map((rule) => {
    const found = findings.filter((finding) => finding.rule === rule);
    const lines = found.map((finding) => `${finding.file === undefined || finding.message.startsWith(finding.file) ? '' : `${finding.file}: `}${sentence(finding)}`).join('\n');
    const failed = found.length > 0 && RULES[rule].level !== 'doubt';
    const body = found.length === 0 ? '' : failed ? `<failure message="${xml(found[0]!.message)}">${xml(lines)}</failure>` : `<system-out>${xml(lines)}</system-out>`;
    return `  <testcase classname="checkpoint" name="${xml(`${rule}: ${RULES[rule].text}`)}">${body}</testcase>`;
  });
  const failures = new Set(findings.filter((finding) => levelOf(finding) !== 'doubt').map((finding) => finding.rule)).size;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="${xml(name)}" tests="${rules.length}" failures="${failures}">\n${cases.join('\n')}\n</testsuite>\n`;
}
