import { capabilitiesText } from '../views/names.js';
import { SCRIPT, STYLE } from './html-parts.js';
import type { Report, ReportProcess, ReportRegion } from './report.js';
import { treeOf } from './text.js';
import { commandText, countText, safeText, sizeText, timeText } from './units.js';

/** Mappings that a picture shows; a process with more has the largest. */
const MAX_PICTURE = 2000;

const escaped = (text: string): string => safeText(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** A table, each row a list of cells; "n:" before a heading makes its column numbers. */
function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numeric = headings.map((heading) => heading.startsWith('n:'));
  const head = headings.map((heading) => `<th scope="col">${escaped(heading.replace('n:', ''))}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell, i) => `<td${numeric[i] ? ' class="n"' : ''}>${escaped(String(cell))}</td>`).join('')}</tr>`).join('\n');
  return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

const section = (title: string, body: string): string => (body === '' ? '' : `<section><h2>${escaped(title)}</h2>${body}</section>`);
const part = (title: string, body: string): string => `<details><summary>${escaped(title)}</summary>${body}</details>`;

/**
 * A report as one page that needs nothing else: no network, no other file. Without its script it shows all the same;
 * with it, `/` searches, `j` and `k` go from process to process, Enter opens, `e` opens all, `t` changes the colours.
 * All that comes out of images is escaped, and the page's policy lets no other script run.
 */
export async function htmlOf(report: Report): Promise<string> {
  const { totals } = report;
  const [style, script] = [await hashOf(STYLE), await hashOf(SCRIPT)];
  // The pictures set widths and colours by attributes.
  const policy = `default-src 'none'; style-src-elem '${style}'; style-src-attr 'unsafe-inline'; script-src '${script}'; base-uri 'none'; form-action 'none'`;
  const facts: [string, string][] = [
    ['processes', `${totals.processes}`],
    ['threads', `${totals.threads}`],
    ['descriptors', `${totals.descriptors}`],
    ['mapped', sizeText(totals.mapped)],
    ['dumped', sizeText(totals.dumped)],
    ...(totals.inherited ? [['in parents', sizeText(totals.inherited)] as [string, string]] : []),
    ['stored', `${sizeText(totals.stored)} in ${countText(report.files.length, 'file')}`],
    ['machine', report.architecture],
    ...Object.entries(report.container ?? {}).map(([key, value]) => [`container ${key}`, String(value)] as [string, string]),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escaped(report.name)}</title><style>${STYLE}</style></head>
<body><header><h1>${escaped(report.name)}</h1>
<div class="facts">${facts.map(([key, value]) => `<span><span class="dim">${escaped(key)}</span> <b>${escaped(value)}</b></span>`).join('')}</div></header>
<div class="bar" role="search"><input id="search" type="search" placeholder="search: path, address, PID, port … ( / )" aria-label="search" autocomplete="off"><span id="count" class="dim" role="status"></span><button id="theme" type="button" title="light or dark (t)">◐</button></div>
<main>
${report.problems.map((problem) => `<p class="problem">${escaped(problem)}</p>`).join('')}
${section('Processes', `<p class="key dim">${keyOf(report)}</p>${[...treeOf(report.processes)].map(({ process, depth }) => processHtml(process, depth, report.processes.length)).join('\n')}`)}
${section('Timeline of the dump', timeline(report))}
${section('Sockets', report.sockets.length === 0 ? '' : table(['protocol', 'state', 'local', 'remote', 'held by', 'n:unread', 'n:unsent'], report.sockets.map((socket) => [`${socket.protocol || socket.family} ${socket.type}`, socket.state, socket.local, socket.remote, socket.owners.map(({ pid, fd }) => `${pid}:${fd}`).join(' '), socket.receiveQueue ?? '', socket.sendQueue ?? ''])))}
${section('Namespaces', report.namespaces.length === 0 ? '' : table(['kind', 'ids', 'kept in the images'], report.namespaces.map(({ kind, ids, dumped }) => [kind, ids.join(' '), dumped ? 'yes' : 'no, the host’s'])))}
${section('Mounts', report.mounts.length === 0 ? '' : table(['mountpoint', 'type', 'source', 'root', 'external'], report.mounts.map((mount) => [mount.mountpoint, mount.type, mount.source, mount.root, mount.external ? 'yes' : ''])))}
${section('Cgroups', report.cgroups.length === 0 ? '' : table(['n:set', 'controller', 'path'], report.cgroups.map(({ set, controller, path }) => [set, controller, path])))}
${section('Files', table(['name', 'n:size'], report.files.map(({ name, size }) => [name, sizeText(size)])))}
</main><script>${SCRIPT}</script></body></html>
`;
}

function processHtml(process: ReportProcess, depth: number, of: number): string {
  const { memory } = process;
  const title = `<b class="mono">${process.pid}</b><b>${escaped(process.name)}</b><span class="dim">${escaped(process.state === 'running' ? '' : `${process.state} `)}${escaped(process.command ? commandText(process.command) : '')} · ${countText(process.threads.length, 'thread')} · ${sizeText(memory.dumped + memory.inherited)}</span>`;
  const credentials = process.credentials;
  const facts: [string, string | number | undefined][] = [
    ['executable', process.executable],
    ['directory', process.workingDirectory],
    ['root', process.root],
    ['parent', process.ppid],
    ['group, session', `${process.pgid}, ${process.sid}`],
    ['user', credentials && `${credentials.uid}:${credentials.gid}`],
    ['rights', credentials && capabilitiesText(credentials.capabilities)],
    ['handles', process.signals.handled.join(' ') || undefined],
  ];
  const body = [
    `<div class="facts">${facts.filter(([, value]) => value !== undefined).map(([key, value]) => `<span><span class="dim">${key}</span> <span class="mono">${escaped(String(value))}</span></span>`).join('')}</div>`,
    picture(memory.regions),
    process.descriptors.length ? part(countText(process.descriptors.length, 'descriptor'), table(['n:fd', 'kind', 'name', 'flags'], process.descriptors.map((fd) => [fd.fd, fd.kind, fd.name, `${fd.flags}${fd.closeOnExec ? ',cloexec' : ''}`]))) : '',
    memory.regions.length ? part(countText(memory.regions.length, 'mapping'), table(['address', 'rights', 'kind', 'n:size', 'n:dumped', 'name'], memory.regions.map((region) => [`${region.start}-${region.end}`, region.rights, region.kind, sizeText(sizeOf(region)), region.dumped + region.inherited ? sizeText(region.dumped + region.inherited) : '', region.name]))) : '',
    process.threads.length > 1 ? part(countText(process.threads.length, 'thread'), table(['n:tid', 'name', 'policy', 'n:nice'], process.threads.map(({ tid, name, policy, nice }) => [tid, name, policy, nice]))) : '',
    process.timers.length ? part(countText(process.timers.length, 'timer'), table(['timer', 'runs out'], process.timers.map(({ name, text }) => [name, text]))) : '',
    process.environment?.length ? part(countText(process.environment.length, 'environment variable'), table(['name'], process.environment.map((name) => [name]))) : '',
  ];
  return `<details class="process" style="margin-left:${Math.min(depth, 12) * 1.4}rem"${of <= 3 ? ' open' : ''}><summary>${title}</summary>${body.join('\n')}</details>`;
}

const sizeOf = (region: ReportRegion): number => Number(BigInt(`0x${region.end}`) - BigInt(`0x${region.start}`));

/** The mappings side by side in the order of their addresses; widths grow with the fourth root of the size, the shade is what is dumped. */
function picture(regions: readonly ReportRegion[]): string {
  if (regions.length === 0) return '';
  const largest = regions.length <= MAX_PICTURE ? new Set(regions) : new Set([...regions].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, MAX_PICTURE));
  const parts = regions.filter((region) => largest.has(region)).map((region) => {
    const size = sizeOf(region);
    const share = Math.min(100, Math.round((100 * (region.dumped + region.inherited)) / size));
    return `<i style="flex:${Math.round(size ** 0.25)};background:var(--${region.kind})" title="${escaped(`${region.start} ${region.rights} ${region.kind} ${sizeText(size)}, ${share} % dumped ${region.name}`)}">${share ? `<u style="height:${share}%"></u>` : ''}</i>`;
  });
  return `<div class="map" role="img" aria-label="${countText(regions.length, 'mapping')}">${parts.join('')}</div>`;
}

function keyOf(report: Report): string {
  const kinds = new Set(report.processes.flatMap((process) => process.memory.kinds.map(({ kind }) => kind)));
  return [...kinds].map((kind) => `<span><i style="background:var(--${kind})"></i>${kind}</span>`).join('') + (kinds.size > 0 ? '<span>the dark part is dumped</span>' : '');
}

/** The stages that stats-dump tells: freezing, then frozen, of which memory takes a part. */
function timeline({ statistics }: Report): string {
  const dump = statistics.dump;
  if (dump === undefined) return '';
  const { freezingTime = 0, frozenTime = 0, memdumpTime = 0, memwriteTime = 0 } = dump;
  // Where memory is written while the processes are frozen, the rest of that time goes to everything else.
  const inside = Math.min(frozenTime, memdumpTime + memwriteTime);
  const stages = [['freezing', freezingTime, 'var(--file)'], ['frozen: all but memory', frozenTime - inside, 'var(--stack)'], ['memory: looking', Math.min(memdumpTime, inside), 'var(--heap)'], ['memory: writing', Math.max(0, inside - memdumpTime), 'var(--shared)']] as const;
  const bars = stages.filter(([, time]) => time > 0).map(([name, time, color]) => `<span style="flex:${Math.max(1, time)};background:${color}" title="${name} ${timeText(time)}">${name} ${timeText(time)}</span>`);
  return `<div class="time" role="img" aria-label="frozen for ${timeText(frozenTime)}">${bars.join('')}</div>${table(['what', 'n:value'], Object.entries(dump).map(([key, value]) => [key, key.endsWith('Time') ? timeText(value) : value]))}`;
}

async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return `sha256-${btoa(String.fromCharCode(...digest))}`;
}
