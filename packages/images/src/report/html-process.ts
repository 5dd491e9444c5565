import { capabilitiesText } from '../views/names.js';
import { escaped, facts, part, table } from './html-text.js';
import type { ReportProcess, ReportRegion } from './report.js';
import { countText, sizeText, titleText } from './units.js';

/** Mappings that a picture shows; a process with more has the largest. */
const MAX_PICTURE = 2000;

/** Kinds of descriptors that are sockets. */
const SOCKETS: ReadonlySet<string> = new Set(['tcp', 'udp', 'unix', 'udplite', 'icmp', 'raw', 'netlink', 'packet']);

const held = (process: ReportProcess): number => process.memory.dumped + process.memory.inherited;

/** A process: one line, and what is behind it. @param largest bytes of the largest process, to which its bar is compared */
export function processHtml(process: ReportProcess, depth: number, open: boolean, largest: number): string {
  const sockets = process.descriptors.filter(({ kind }) => SOCKETS.has(kind)).length;
  const chips = [
    ...(process.threads.length > 1 ? [countText(process.threads.length, 'thread')] : []),
    ...(process.descriptors.length > 0 ? [countText(process.descriptors.length - sockets, 'file')] : []),
    ...(sockets > 0 ? [countText(sockets, 'socket')] : []),
  ].join(' · ');
  const state = process.state === 'running' ? '' : `<span class="chip state">${escaped(process.state)}</span>`;
  const command = process.command ? titleText(process.command) : (process.executable ?? '');
  const guide = depth > 0 ? `<span class="guide" style="width:${Math.min(depth, 12) * 1.3}rem"></span>` : '';
  const title = `${guide}<span class="pid mono">${process.pid}</span><b>${escaped(process.name)}</b>${state}<span class="command dim mono">${escaped(command)}</span><span class="chip">${chips}</span>${shareOf(process, largest)}<span class="size mono">${process.state === 'zombie' ? '' : sizeText(held(process))}</span>`;
  return `<details class="process"${open ? ' open' : ''}><summary>${title}</summary><div class="body">${bodyOf(process)}</div></details>`;
}

/** What is in the images of its memory, by kind, beside the largest process. */
function shareOf({ memory }: ReportProcess, largest: number): string {
  const kinds = memory.kinds.filter(({ dumped }) => dumped > 0);
  const rest = Math.max(0, largest - kinds.reduce((sum, { dumped }) => sum + dumped, 0));
  return `<span class="share" aria-hidden="true">${kinds.map(({ kind, dumped }) => `<i style="flex:${dumped};background:var(--${kind})" title="${kind} ${sizeText(dumped)}"></i>`).join('')}<i style="flex:${rest}"></i></span>`;
}

function bodyOf(process: ReportProcess): string {
  const { memory, credentials } = process;
  return [
    facts([
      ['executable', process.executable],
      ['directory', process.workingDirectory],
      ['root', process.root === '/' ? undefined : process.root],
      ['parent', process.ppid],
      ['memory', process.sharesMemoryWith === undefined ? undefined : `that of ${process.sharesMemoryWith}`],
      ['group, session', `${process.pgid}, ${process.sid}`],
      ['user', credentials && `${credentials.uid}:${credentials.gid}`],
      ['rights', credentials && capabilitiesText(credentials.capabilities)],
      ['handles', process.signals.handled.join(' ')],
    ]),
    picture(memory.regions),
    process.descriptors.length ? part(countText(process.descriptors.length, 'descriptor'), table(['n:fd', 'kind', 'name', 'flags'], process.descriptors.map((fd) => [fd.fd, fd.kind, fd.name, `${fd.flags}${fd.closeOnExec ? ',cloexec' : ''}`]))) : '',
    memory.regions.length ? part(`${countText(memory.regions.length, 'mapping')}, ${sizeText(memory.mapped)}`, table(['address', 'rights', 'kind', 'n:size', 'n:dumped', 'name'], memory.regions.map((region) => [`${region.start}-${region.end}`, region.rights, region.kind, sizeText(sizeOf(region)), region.dumped + region.inherited ? sizeText(region.dumped + region.inherited) : '', region.name])), 'mappings') : '',
    process.threads.length > 1 ? part(countText(process.threads.length, 'thread'), table(['n:tid', 'name', 'policy', 'n:nice'], process.threads.map(({ tid, name, policy, nice }) => [tid, name, policy, nice]))) : '',
    process.timers.length ? part(countText(process.timers.length, 'timer'), table(['timer', 'runs out'], process.timers.map(({ name, text }) => [name, text]))) : '',
    process.environment?.length ? part(countText(process.environment.length, 'environment variable'), table(['name'], process.environment.map((name) => [name]))) : '',
  ].join('\n');
}

const sizeOf = (region: ReportRegion): number => Number(BigInt(`0x${region.end}`) - BigInt(`0x${region.start}`));

/** The mappings side by side in the order of their addresses; widths grow with the fourth root of the size, the full colour is what is dumped. */
function picture(regions: readonly ReportRegion[]): string {
  if (regions.length === 0) return '';
  const largest = regions.length <= MAX_PICTURE ? new Set(regions) : new Set([...regions].sort((a, b) => sizeOf(b) - sizeOf(a)).slice(0, MAX_PICTURE));
  const parts = regions.flatMap((region, i) => {
    if (!largest.has(region)) return [];
    const size = sizeOf(region);
    const share = Math.min(100, Math.round((100 * (region.dumped + region.inherited)) / size));
    return [`<i data-at="${i}" style="flex:${Math.round(size ** 0.25)};--c:var(--${region.kind})" title="${escaped(`${region.start} ${region.rights} ${region.kind} ${sizeText(size)}, ${share} % dumped ${region.name}`)}">${share ? `<u style="height:${share}%"></u>` : ''}</i>`];
  });
  return `<div class="map" role="img" aria-label="${countText(regions.length, 'mapping')} by address; the table below tells the same">${parts.join('')}</div>`;
}
