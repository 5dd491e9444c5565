import { SCRIPT, STYLE } from './html-parts.js';
import { processHtml } from './html-process.js';
import { escaped, facts, key, section, stack, table } from './html-text.js';
import type { Report } from './report.js';
import { alike } from './text-parts.js';
import { treeOf } from './text.js';
import { countText, sizeText, timeText } from './units.js';

/**
 * A report as one page that needs nothing else: no network, no other file. Without its script it shows all the same;
 * with it, `/` searches, `j` and `k` go from process to process, Enter opens, `e` opens all, `t` changes the colours.
 * All that comes out of images is escaped, and the page's policy lets no other script run.
 */
export async function htmlOf(report: Report): Promise<string> {
  const [style, script] = [await hashOf(STYLE), await hashOf(SCRIPT)];
  // The pictures set widths and colours by attributes.
  const policy = `default-src 'none'; style-src-elem '${style}'; style-src-attr 'unsafe-inline'; script-src '${script}'; base-uri 'none'; form-action 'none'`;
  const connections = report.sockets.filter((socket) => socket.family !== 'unix' || socket.local !== '');
  const largest = Math.max(1, ...report.processes.map(({ memory }) => memory.dumped + memory.inherited));
  const sections = surroundings(report);
  const links = [['processes', 'Processes'], ...(connections.length > 0 ? [['sockets', 'Sockets']] : []), ...sections.filter(([, body]) => body !== '').map(([title]) => [idOf(title), title])];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escaped(report.name)}</title><style>${STYLE}</style></head>
<body><header><h1>${escaped(report.name)}</h1>
<p class="dim">${escaped(originText(report))}</p>
${numbers(report)}
<div class="cards">${[host(report), memory(report), timeline(report), container(report)].join('\n')}</div>
${report.problems.map((problem) => `<p class="problem">${escaped(problem)}</p>`).join('')}</header>
<div class="bar" role="search"><input id="search" type="search" placeholder="search: path, address, PID, port … ( / )" aria-label="search" autocomplete="off"><span id="count" class="dim" role="status"></span><nav>${links.map(([id, title]) => `<a href="#${id}">${title}</a>`).join(' ')}</nav><button id="theme" type="button" title="light or dark (t)" aria-label="light or dark">◐</button></div>
<main>
<h2 id="processes">Processes</h2><div class="list">${[...treeOf(report.processes)].map(({ process, depth }) => processHtml(process, depth, report.processes.length <= 3, largest)).join('\n')}</div>
${connections.length === 0 ? '' : `<h2 id="sockets">Sockets</h2><div class="list">${table(['protocol', 'state', 'local', 'remote', 'held by', 'n:unread', 'n:unsent'], connections.map((socket) => [`${socket.protocol || socket.family} ${socket.type}`, socket.state, socket.local, socket.remote, socket.owners.map(({ pid, fd }) => `${pid}:${fd}`).join(' '), socket.receiveQueue ?? '', socket.sendQueue ?? '']))}</div>`}
${sections.map(([title, body, about]) => section(idOf(title), title, about, body)).join('\n')}
</main><script>${SCRIPT}</script></body></html>
`;
}

const idOf = (title: string): string => title.toLowerCase().replaceAll(/[^a-z]+/g, '-');

function originText({ dumpedAt, kernel, architecture, uptime, sets }: Report): string {
  return [
    ...(dumpedAt === undefined ? [] : [`dumped ${dumpedAt.slice(0, 16).replace('T', ' ')} UTC`]),
    ...(kernel === undefined ? [architecture] : [`Linux ${kernel} on ${architecture}`]),
    ...(uptime === undefined ? [] : [`up for ${countText(Math.round(uptime / 60), 'minute')}`]),
    ...(sets > 1 ? [`with ${countText(sets - 1, 'parent')}`] : []),
  ].join(' · ');
}

function numbers({ totals, sockets, files }: Report): string {
  const cells: [string, string][] = [
    [String(totals.processes), totals.processes === 1 ? 'process' : 'processes'],
    [String(totals.threads), totals.threads === 1 ? 'thread' : 'threads'],
    [String(totals.descriptors), 'descriptors'],
    [String(sockets.length), sockets.length === 1 ? 'socket' : 'sockets'],
    [sizeText(totals.dumped), `of ${sizeText(totals.mapped)} mapped`],
    ...(totals.inherited ? [[sizeText(totals.inherited), 'in parents'] as [string, string]] : []),
    [sizeText(totals.stored), `in ${countText(files.length, 'file')}`],
  ];
  return `<div class="numbers">${cells.map(([value, name]) => `<div><b>${escaped(value)}</b><span class="dim">${escaped(name)}</span></div>`).join('')}</div>`;
}

const card = (title: string, body: string): string => `<div class="card"><h3>${title}</h3>${body}</div>`;

/** Whether the host that was asked could restore it, and why not. */
function host({ host: asked }: Report): string {
  if (asked === undefined) return '';
  const verdict = asked.possible ? '<p class="good">could be restored on this host</p>' : `<p class="bad">would not be restored on this host: ${countText(asked.problems.filter(({ severity }) => severity === 'obstacle').length, 'obstacle')}</p>`;
  return card('This host', `${verdict}${alike(asked.problems).map(({ message, why, hint, more }) => `<p class="problem">${escaped(message)}${more > 0 ? `<br>… and ${more} more like it` : ''}${why === undefined ? '' : `<br><span class="dim">why: ${escaped(why)}</span>`}${hint === undefined ? '' : `<br><span class="dim">do: ${escaped(hint)}</span>`}</p>`).join('')}`);
}

/** Memory of all processes by kind: what of it is in the images. */
function memory({ processes }: Report): string {
  const kinds = new Map<string, number>();
  for (const process of processes.filter(({ sharesMemoryWith }) => sharesMemoryWith === undefined)) for (const { kind, dumped } of process.memory.kinds) kinds.set(kind, (kinds.get(kind) ?? 0) + dumped);
  const shown = [...kinds].filter(([, dumped]) => dumped > 0).sort((a, b) => b[1] - a[1]);
  if (shown.length === 0) return '';
  const label = shown.map(([kind, dumped]) => `${kind} ${sizeText(dumped)}`);
  return card('Memory by kind; what is shared counts for each', stack('stack', label.join(', '), shown.map(([kind, dumped], i) => [kind, dumped, label[i]!] as const)) + key(shown.map(([kind], i) => [kind, label[i]!] as const)));
}

/** The stages that stats-dump tells: freezing, then frozen, of which memory takes a part. */
function timeline({ statistics: { dump } }: Report): string {
  if (dump === undefined) return '';
  const { freezingTime = 0, frozenTime = 0, memdumpTime = 0, memwriteTime = 0 } = dump;
  // Where memory is written while the processes are frozen, the rest of that time goes to everything else.
  const inside = Math.min(frozenTime, memdumpTime + memwriteTime);
  const stages = ([['freezing', freezingTime, 'file'], ['frozen: all but memory', frozenTime - inside, 'stack'], ['memory: looking', Math.min(memdumpTime, inside), 'heap'], ['memory: writing', Math.max(0, inside - memdumpTime), 'shared']] as const).filter(([, time]) => time > 0);
  const bars = stages.map(([name, time, color]) => `<span style="flex:${Math.max(1, time)};background:var(--${color})" title="${name} ${timeText(time)}"></span>`);
  return card(`Timeline of the dump: frozen for ${timeText(frozenTime)}`, `<div class="time" role="img" aria-label="${stages.map(([name, time]) => `${name} ${timeText(time)}`).join(', ')}">${bars.join('')}</div>${key(stages.map(([name, time, color]) => [color, `${name} ${timeText(time)}`] as const))}`);
}

function container({ container: of }: Report): string {
  if (of === undefined) return '';
  const networks = of.networks.map((network) => `${network.interface} ${network.address ?? ''} ${network.hardware ?? ''}`.trim()).join(', ');
  return card('Container', facts([['name', of.name], ['id', of.id?.slice(0, 12)], ['image', of.image], ['engine', of.engine], ['runtime', of.runtime], ['pod', of.pod && `${of.namespace ? `${of.namespace}/` : ''}${of.pod}`], ['made', of.createdAt], ['network', networks], ['root changed', of.rootfsDiff === undefined ? undefined : sizeText(of.rootfsDiff)]]));
}

/** What lies around the processes: title, table, what it holds. */
function surroundings(report: Report): [title: string, body: string, about: string][] {
  const own = report.namespaces.filter(({ dumped }) => dumped).map(({ kind }) => kind);
  return [
    ['Networks', report.networks.map(networkHtml).join(''), countText(report.networks.length, 'namespace')],
    ['Namespaces', report.namespaces.length === 0 ? '' : table(['kind', 'ids', 'kept in the images'], report.namespaces.map(({ kind, ids, dumped }) => [kind, ids.join(' '), dumped ? 'yes' : 'no, the host’s'])), own.length > 0 ? `of its own: ${own.join(', ')}` : 'the host’s'],
    ['Mounts', report.mounts.length === 0 ? '' : table(['mountpoint', 'type', 'source', 'root', 'external'], report.mounts.map((mount) => [mount.mountpoint, mount.type, mount.source, mount.root, mount.external ? 'yes' : ''])), String(report.mounts.length)],
    ['Cgroups', report.cgroups.length === 0 ? '' : table(['n:set', 'controller', 'path'], report.cgroups.map(({ set, controller, path }) => [set, controller, path])), String(report.cgroups.length)],
    ...report.archives.map(({ file, members }): [string, string, string] => [file, table(['mode', 'owner', 'n:size', 'path'], members.map(({ mode, uid, gid, size, path, target }) => [mode, `${uid}:${gid}`, sizeText(size), target === undefined ? path : `${path} → ${target}`])), countText(members.length, 'member')]),
    ['Statistics', report.statistics.dump === undefined ? '' : table(['what', 'n:value'], Object.entries(report.statistics.dump).map(([name, value]) => [name, name.endsWith('Time') ? timeText(value) : value])), 'of the dump'],
    ['Files', table(['name', 'n:size'], report.files.map(({ name, size }) => [name, sizeText(size)])), `${countText(report.files.length, 'image')}, ${sizeText(report.totals.stored)}`],
  ];
}

function networkHtml({ namespace, devices, routes, rules, firewall, connections }: Report['networks'][number]): string {
  return [
    `<h3>namespace ${namespace}</h3>`,
    table(['device', 'kind', 'hardware', 'addresses', 'n:mtu'], devices.map((device) => [device.name, `${device.kind}${device.up ? '' : ', down'}`, device.hardware, device.addresses.join(' '), device.mtu])),
    routes.length + rules.length === 0 ? '' : table(['routes and rules'], [...routes, ...rules].map((line) => [line])),
    connections.length === 0 ? '' : table(['connections that are tracked'], connections.map((line) => [line])),
    ...firewall.map(({ kind, lines }) => `<details><summary>${kind}, ${countText(lines.length, 'line')}</summary><pre>${lines.map(escaped).join('\n')}</pre></details>`),
  ].join('');
}

async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return `sha256-${btoa(String.fromCharCode(...digest))}`;
}
