import type { Report, ReportContainer } from './report.js';
import { agoText, countText, safeText, sizeText, timeText } from './units.js';

/** Parts of the report for a terminal: what stands above the processes and below them. */

/** Routes, connections, members of an archive that are shown without `all`. */
const SHOWN = 8;

export function* headLines(report: Report, now: number | undefined): Generator<string, void, undefined> {
  const { totals, statistics: { dump } } = report;
  yield safeText(report.name);
  yield `${report.architecture} · ${countText(totals.processes, 'process', 'processes')}, ${countText(totals.threads, 'thread')} · ${countText(totals.descriptors, 'descriptor')} · ${sizeText(totals.mapped)} mapped, ${sizeText(totals.dumped)} dumped${totals.inherited ? `, ${sizeText(totals.inherited)} in ${countText(report.sets - 1, 'parent')}` : ''} · ${sizeText(totals.stored)} in ${countText(report.files.length, 'file')}`;
  const origin = originText(report, now);
  if (origin !== '') yield origin;
  if (report.container) yield* containerLines(report.container);
  if (dump) yield `frozen for ${timeText(dump.frozenTime ?? 0)}, memory ${timeText(dump.memdumpTime ?? 0)} + ${timeText(dump.memwriteTime ?? 0)}, ${countText(dump.pagesWritten ?? 0, 'page')} of ${dump.pagesScanned ?? 0} written`;
  const dumped = report.namespaces.filter((namespace) => namespace.dumped).map((namespace) => namespace.kind);
  if (dumped.length > 0) yield `own namespaces: ${dumped.join(', ')}`;
}

/** "dumped 2026-11-29 01:53 UTC, 3 hours ago, on Linux 6.18.1 after 5 minutes of uptime" */
function originText({ dumpedAt, kernel, uptime }: Report, now: number | undefined): string {
  const ago = dumpedAt === undefined || now === undefined ? '' : `, ${agoText(now - Date.parse(dumpedAt))}`;
  const when = dumpedAt === undefined ? [] : [`dumped ${dumpedAt.slice(0, 16).replace('T', ' ')} UTC${ago}`];
  const where = kernel === undefined ? [] : [`on Linux ${kernel}`];
  const up = uptime === undefined ? [] : [`${countText(Math.round(uptime / 60), 'minute')} after that machine’s start`];
  return [...when, ...where, ...up].join(', ');
}

function* containerLines(container: ReportContainer): Generator<string, void, undefined> {
  const { name, engine, image, runtime, id, createdAt, pod, namespace, rootfsDiff, networks, deletedFiles } = container;
  const facts = [
    `container ${name ?? '?'}${id ? ` (${id.slice(0, 12)})` : ''}`,
    ...(engine ? [engine + (runtime ? ` with ${runtime}` : '')] : runtime ? [runtime] : []),
    ...(image ? [`image ${image}`] : []),
    ...(pod ? [`pod ${namespace ? `${namespace}/` : ''}${pod}`] : []),
    ...(createdAt ? [`made ${createdAt}`] : []),
    ...(rootfsDiff === undefined ? [] : [`${sizeText(rootfsDiff)} changed in its root`]),
    ...(deletedFiles.length > 0 ? [`${countText(deletedFiles.length, 'file')} removed from its image`] : []),
  ];
  yield safeText(facts.join(', '));
  for (const network of networks) yield safeText(`  ${network.network} ${network.interface} ${[network.address, network.hardware, network.gateway && `via ${network.gateway}`].filter(Boolean).join(' ')}`);
}

/** Whether the host could restore it, and why not. */
export function* hostLines({ host }: Report, all: boolean, cut: (line: string) => string, paint: (code: number, text: string) => string): Generator<string, void, undefined> {
  if (host === undefined) return;
  const obstacles = host.problems.filter(({ severity }) => severity === 'obstacle');
  yield host.possible ? paint(32, 'could be restored here now') : paint(31, `would not be restored here: ${countText(obstacles.length, 'obstacle')}`);
  for (const { severity, message, why, hint, more } of all ? host.problems.map((problem) => ({ ...problem, more: 0 })) : alike(host.problems)) {
    yield cut(safeText(`  ${severity === 'warning' ? 'warning: ' : ''}${message}`));
    if (more > 0) yield `    … and ${more} more like it`;
    if (why !== undefined) yield cut(safeText(`    why: ${why}`));
    if (hint !== undefined) yield cut(safeText(`    do:  ${hint}`));
  }
}

type HostProblems = NonNullable<Report['host']>['problems'];

/** One of each sort, and how many more: a tree whose files are gone has hundreds. */
export function alike(problems: HostProblems): (HostProblems[number] & { more: number })[] {
  const sorts = new Map<string, HostProblems[number] & { more: number }>();
  for (const problem of problems) {
    const sort = `${problem.severity} ${problem.code} ${problem.severity === 'warning' ? problem.message : (problem.hint ?? '')}`;
    sorts.set(sort, { ...(sorts.get(sort) ?? { ...problem, more: -1 }), more: (sorts.get(sort)?.more ?? -1) + 1 });
  }
  return [...sorts.values()];
}

/** Networks and what lies in a tmpfs; headings are not indented. */
export function* surroundingLines(report: Report, all: boolean): Generator<string, void, undefined> {
  const some = function* (lines: readonly string[]): Generator<string> {
    yield* all ? lines : lines.slice(0, SHOWN);
    if (!all && lines.length > SHOWN) yield `  … and ${lines.length - SHOWN} more`;
  };
  for (const network of report.networks) {
    yield '';
    yield `network ${network.namespace}`;
    for (const { name, kind, up, hardware, addresses } of network.devices) yield safeText(`  ${name} ${kind}${up ? '' : ', down'}${hardware && !/^[0:]*$/.test(hardware) ? ` ${hardware}` : ''}${addresses.length > 0 ? `  ${addresses.join(' ')}` : ''}`);
    yield* some(network.routes.map((route) => safeText(`  route ${route}`)));
    if (all) for (const rule of network.rules) yield safeText(`  rule ${rule}`);
    for (const { kind, lines } of network.firewall) {
      yield `  ${kind}, ${countText(lines.length, 'line')}`;
      if (all) for (const line of lines) yield safeText(`    ${line.replaceAll('\t', '  ')}`);
    }
    yield* some(network.connections.map((connection) => safeText(`  connection ${connection}`)));
  }
  for (const { file, members } of report.archives) {
    yield '';
    yield `${file}: ${countText(members.length, 'member')}`;
    yield* some(members.map(({ path, mode, uid, gid, size, target }) => safeText(`  ${mode} ${uid}:${gid} ${sizeText(size).padStart(9)}  ${path}${target === undefined ? '' : ` → ${target}`}`)));
  }
}
