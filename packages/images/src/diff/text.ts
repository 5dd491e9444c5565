import { countText, safeText } from '../report/units.js';
import type { Changes, CheckpointDiff, ProcessDiff } from './diff.js';
import { differs } from './diff.js';

/** A difference for people: counts first, each change where `details` are asked for. */
export function* diffText(diff: CheckpointDiff, details: boolean): Generator<string, void, undefined> {
  yield safeText(`A ${diff.a}`);
  yield safeText(`B ${diff.b}`);
  if (diff.same) {
    yield `no difference: ${countText(diff.unchanged, 'process', 'processes')}, all memory the same`;
    return;
  }
  yield `processes: ${diff.changed.length} changed, ${diff.added.length} new, ${diff.removed.length} gone, ${diff.unchanged} as before`;
  for (const { pid, name } of diff.removed) yield safeText(`- ${pid} ${name}`);
  for (const { pid, name } of diff.added) yield safeText(`+ ${pid} ${name}`);
  for (const process of diff.changed) yield* processText(process, details);
  yield* changesText('sockets', diff.sockets, '', details);
  yield* changesText('mounts', diff.mounts, '', details);
  for (const problem of diff.problems) yield safeText(`problem: ${problem}`);
}

function* processText(process: ProcessDiff, details: boolean): Generator<string, void, undefined> {
  const { pages, environment } = process;
  yield safeText(`~ ${process.pid} ${process.name}`);
  // What a process is, is told in any case: it is short.
  yield* changesText('', process.facts, '    ', true);
  yield* changesText('descriptors', process.descriptors, '    ', details);
  const variables: Changes = { removed: environment.removed, added: environment.added, changed: environment.changed.map((what) => ({ what, before: '…', after: '…' })) };
  yield* changesText('environment', variables, '    ', details);
  yield* changesText('mappings', process.mappings, '    ', details);
  const touched = pages.changed + pages.appeared + pages.gone;
  if (touched + pages.unknown > 0) yield `    memory: ${countText(pages.changed, 'page')} changed, ${pages.appeared} new, ${pages.gone} gone, ${pages.same} the same${pages.unknown ? `, ${pages.unknown} not known` : ''}`;
  for (const region of [...process.regions].sort((a, b) => sum(b) - sum(a)).slice(0, details ? Infinity : 5)) {
    yield safeText(`      ${region.start}-${region.end} ${region.kind} ${region.name}: ${region.pages.changed} changed, ${region.pages.appeared} new, ${region.pages.gone} gone`);
    if (details) for (const run of region.pages.runs) yield `        ${run.address} ${countText(run.pages, 'page')} ${run.what === 'appeared' ? 'new' : run.what}`;
  }
}

const sum = ({ pages }: ProcessDiff['regions'][number]): number => pages.changed + pages.appeared + pages.gone;

function* changesText(title: string, changes: Changes, indent: string, details: boolean): Generator<string, void, undefined> {
  if (!differs(changes)) return;
  const { removed, added, changed } = changes;
  if (title !== '') yield `${indent}${title}: ${changed.length} changed, ${added.length} new, ${removed.length} gone`;
  if (!details) return;
  const deeper = title === '' ? indent : `${indent}  `;
  for (const text of removed) yield safeText(`${deeper}- ${text}`);
  for (const text of added) yield safeText(`${deeper}+ ${text}`);
  for (const { what, before, after } of changed) yield safeText(`${deeper}~ ${what}${before === '…' ? '' : `: ${before} → ${after}`}`);
}
