import type { Report, ReportProcess } from './report.js';
import { processLines } from './text-process.js';
import { headLines, hostLines, surroundingLines } from './text-parts.js';
import { safeText, sizeText, titleText } from './units.js';

export interface TextOptions {
  /** columns of the terminal; longer lines are cut. 0: never */
  readonly columns?: number;
  readonly color?: boolean;
  /** every descriptor and every mapping, too */
  readonly all?: boolean;
  /** ms since 1970, to tell how long ago it was dumped */
  readonly now?: number;
}

/** A report for a terminal, line by line. */
export function* textOf(report: Report, { columns = 0, color = false, all = false, now }: TextOptions = {}): Generator<string, void, undefined> {
  const paint = (code: number, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const bold = (text: string): string => paint(1, text);
  const dim = (text: string): string => paint(2, text);
  const cut = (line: string, room: number): string => (columns > 0 && line.length > room ? `${cutAt(line, Math.max(1, room - 1))}…` : line);

  for (const [i, line] of [...headLines(report, now)].entries()) yield i === 0 ? bold(cut(line, columns)) : cut(line, columns);
  yield* hostLines(report, all, (line) => cut(line, columns), paint);
  yield '';

  for (const { process, indent, below } of treeOf(report.processes)) {
    const state = process.state === 'running' ? '' : ` ${paint(process.state === 'zombie' ? 31 : 33, process.state)}`;
    yield `${dim(indent)}${bold(String(process.pid))} ${paint(36, safeText(process.name))}${state}  ${cut(process.command ? titleText(process.command) : '', columns - indent.length - 10 - process.name.length)}`;
    const line = (label: string, text: string): string => `${dim(below)}  ${dim(label.padEnd(9))}${cut(text, columns - below.length - 11)}`;
    for (const [label, text] of processLines(process, all, dim)) yield line(label, text);
  }

  const connections = report.sockets.filter((socket) => socket.family !== 'unix' || socket.local !== '');
  if (connections.length > 0) {
    yield '';
    yield bold('sockets');
    for (const socket of all ? connections : connections.slice(0, 40)) {
      const queues = socket.receiveQueue || socket.sendQueue ? `  ${sizeText(socket.receiveQueue ?? 0)} unread, ${sizeText(socket.sendQueue ?? 0)} unsent` : '';
      yield cut(`  ${(socket.protocol || socket.family).padEnd(5)} ${socket.state.padEnd(12)} ${safeText(socket.local)}${socket.remote ? ` ↔ ${safeText(socket.remote)}` : ''}  ${dim(socket.owners.map(({ pid, fd }) => `${pid}:${fd}`).join(' '))}${queues}`, columns + 20);
    }
    if (!all && connections.length > 40) yield `  … and ${connections.length - 40} more`;
  }
  for (const line of surroundingLines(report, all)) yield line.startsWith(' ') ? cut(line, columns) : bold(line);
  for (const [i, problem] of report.problems.entries()) {
    if (i === 0) yield '';
    yield `${paint(33, 'problem')}  ${safeText(problem)}`;
  }
}

/** Colours that were cut off in the middle end there. */
function cutAt(line: string, room: number): string {
  const rest = line.slice(0, room);
  // eslint-disable-next-line no-control-regex -- an escape sequence begins so
  return rest.includes('\x1b') ? `${rest.replace(/\x1b[^m]*$/, '')}\x1b[0m` : rest;
}

/** Processes below their parents, with the lines that lead to them. */
export function* treeOf(processes: readonly ReportProcess[]): Generator<{ readonly process: ReportProcess; readonly depth: number; readonly indent: string; readonly below: string }, void, undefined> {
  const children = new Map<number, ReportProcess[]>();
  const pids = new Set(processes.map((process) => process.pid));
  for (const process of processes) {
    const parent = pids.has(process.ppid) ? process.ppid : 0;
    children.set(parent, [...(children.get(parent) ?? []), process]);
  }
  const stack = [...(children.get(0) ?? [])].reverse().map((process) => ({ process, depth: 0, indent: '', below: '' }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { depth } = next;
    const below = children.get(next.process.pid) ?? [];
    // A tree may be as deep as there are processes: the lines that lead to them must not grow with its depth squared.
    const base = next.below.length > 200 ? next.below.slice(0, 200) : next.below;
    yield { ...next, below: below.length > 0 ? `${next.below}│ ` : `${next.below}  ` };
    // The stack gives the last one first.
    [...below].reverse().forEach((process, i) => {
      const isLast = i === 0;
      stack.push({ process, depth: depth + 1, indent: `${base}${isLast ? '└─ ' : '├─ '}`, below: `${base}${isLast ? '   ' : '│  '}` });
    });
  }
}
