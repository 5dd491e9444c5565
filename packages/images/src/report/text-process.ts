import { capabilitiesText } from '../views/names.js';
import type { ReportProcess } from './report.js';
import { countText, safeText, sizeText } from './units.js';

/** What a report for a terminal tells of a process: labels, and a line each. */

type Descriptor = ReportProcess['descriptors'][number];

/** Files of a process that are shown without `all`. */
const SHOWN = 8;
/** Kinds whose name says something to people; of the others, how many there are. */
const NAMED: ReadonlySet<string> = new Set(['regular', 'tcp', 'udp', 'fifo', 'tty', 'memfd', 'missing']);

export function* processLines(process: ReportProcess, all: boolean, dim: (text: string) => string): Generator<readonly [label: string, text: string], void, undefined> {
  if (process.state === 'zombie') return;
  const { memory, threads, signals, environment = [] } = process;
  yield ['runs', safeText(`${process.executable ?? '?'} in ${process.workingDirectory ?? '?'}${process.root && process.root !== '/' ? `, root ${process.root}` : ''}, ${credentialsText(process)}`)];
  if (threads.length > 1) yield ['threads', safeText(`${threads.length}: ${threads.map(({ tid, name }) => (name && name !== process.name ? `${tid} ${name}` : `${tid}`)).join(', ')}`)];
  yield ['memory', process.sharesMemoryWith !== undefined ? `that of ${process.sharesMemoryWith}` : `${sizeText(memory.dumped + memory.inherited)} of ${sizeText(memory.mapped)}: ${memory.kinds.filter((kind) => kind.dumped > 0).map((kind) => `${kind.kind} ${sizeText(kind.dumped)}`).join(', ')}`];
  if (all && process.sharesMemoryWith === undefined) for (const region of memory.regions) yield ['', safeText(`${region.start}-${region.end} ${region.rights} ${region.kind.padEnd(9)} ${sizeText(region.dumped + region.inherited).padStart(9)}  ${region.name}`)];
  const open = [...(all ? process.descriptors.map((fd) => `${String(fd.fd).padStart(4)} ${fd.kind.padEnd(8)} ${safeText(fd.name)}${fd.flags ? dim(` (${fd.flags})`) : ''}`) : openLines(process.descriptors, dim))];
  for (const [i, line] of open.entries()) yield [i === 0 ? 'holds' : '', line];
  for (const timer of process.timers) yield ['timer', `${timer.name}: ${timer.text}`];
  if (all && signals.handled.length > 0) yield ['handles', signals.handled.join(' ')];
  if (all || environment.some((variable) => variable.includes('='))) for (const [i, variable] of environment.entries()) yield [i === 0 ? 'environ' : '', safeText(variable)];
}

function credentialsText({ credentials }: ReportProcess): string {
  if (credentials === undefined) return 'as ?';
  const { uid, gid, capabilities, noNewPrivileges } = credentials;
  return `as user ${uid}, group ${gid}, ${capabilitiesText(capabilities)}${noNewPrivileges ? ', no new privileges' : ''}`;
}

/** Descriptors of the same file together; those that have no name that says something, counted by their kind. */
function* openLines(descriptors: readonly Descriptor[], dim: (text: string) => string): Generator<string, void, undefined> {
  const named = new Map<string, Descriptor[]>();
  const others = new Map<string, number>();
  for (const fd of descriptors) {
    const tells = NAMED.has(fd.kind) || (fd.kind === 'unix' && /^[/@]/.test(fd.name));
    const key = `${fd.kind} ${fd.name} ${fd.flags}`;
    if (tells) named.set(key, [...(named.get(key) ?? []), fd]);
    else others.set(fd.kind, (others.get(fd.kind) ?? 0) + 1);
  }
  const groups = [...named.values()];
  for (const [fd, ...same] of groups.slice(0, SHOWN)) yield `${[fd!, ...same].map((one) => one.fd).join(',').padStart(4)} ${fd!.kind === 'regular' ? '' : `${fd!.kind} `}${safeText(fd!.name)}${fd!.flags ? dim(` (${fd!.flags})`) : ''}`;
  const rest = [...(groups.length > SHOWN ? [`${groups.length - SHOWN} more files`] : []), ...[...others].map(([kind, count]) => countText(count, kind === 'unix' ? 'unix socket' : kind, kind === 'eventpoll' ? 'epolls' : undefined))];
  if (rest.length > 0) yield `${groups.length > 0 ? '   … and ' : ''}${rest.join(', ')}`;
}
