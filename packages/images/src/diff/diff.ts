import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { ImageCorrupt } from '../errors.js';
import { MemoryUnavailable } from '../memory/process-memory.js';
import type { ProcessMemory } from '../memory/process-memory.js';
import type { Report, ReportProcess } from '../report/report.js';
import { reportOf } from '../report/report.js';
import type { PageChanges } from './memory.js';
import { comparePages } from './memory.js';

/** What was in A and is not in B, the other way round, and what is in both and differs: by a key, with what it was and is. */
export interface Changes {
  readonly removed: readonly string[];
  readonly added: readonly string[];
  readonly changed: readonly { readonly what: string; readonly before: string; readonly after: string }[];
}

export interface RegionDiff {
  readonly start: string;
  readonly end: string;
  readonly kind: string;
  readonly name: string;
  readonly pages: PageChanges;
}

export interface ProcessDiff {
  readonly pid: number;
  readonly name: string;
  /** name, state, command, directory, ids, capabilities, threads, timers, signals */
  readonly facts: Changes;
  readonly descriptors: Changes;
  /** by name; values are not told */
  readonly environment: { readonly removed: readonly string[]; readonly added: readonly string[]; readonly changed: readonly string[] };
  /** mappings by address */
  readonly mappings: Changes;
  /** those of both whose pages differ */
  readonly regions: readonly RegionDiff[];
  /** over all that both have mapped */
  readonly pages: Omit<PageChanges, 'runs'>;
}

export interface CheckpointDiff {
  readonly version: 1;
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
  readonly removed: readonly { readonly pid: number; readonly name: string }[];
  readonly added: readonly { readonly pid: number; readonly name: string }[];
  /** processes of both in which something differs */
  readonly changed: readonly ProcessDiff[];
  readonly unchanged: number;
  readonly sockets: Changes;
  readonly mounts: Changes;
  readonly problems: readonly string[];
}

/** How B differs from A, processes being the same where their PIDs are. @throws ImageCorrupt where a process tree can't be read */
export async function diffCheckpoints(a: Checkpoint, b: Checkpoint): Promise<CheckpointDiff> {
  const [before, after] = [await reportOf(a), await reportOf(b)];
  const problems = [...before.problems.map((problem) => `A: ${problem}`), ...after.problems.map((problem) => `B: ${problem}`)];
  const old = new Map(before.processes.map((process) => [process.pid, process]));
  const pids = new Set(after.processes.map(({ pid }) => pid));
  const changed: ProcessDiff[] = [];
  let unchanged = 0;
  for (const process of after.processes) {
    const was = old.get(process.pid);
    if (was === undefined) continue;
    const diff = await diffProcess(a, b, was, process, problems);
    if (diff === undefined) unchanged++;
    else changed.push(diff);
  }
  const list = (processes: readonly ReportProcess[]): { pid: number; name: string }[] => processes.map(({ pid, name }) => ({ pid, name }));
  const removed = list(before.processes.filter(({ pid }) => !pids.has(pid)));
  const added = list(after.processes.filter(({ pid }) => !old.has(pid)));
  const sockets = changesOf(socketsByName(before), socketsByName(after));
  const mounts = changesOf(mountsByName(before), mountsByName(after));
  const same = changed.length + removed.length + added.length === 0 && !differs(sockets) && !differs(mounts) && problems.length === 0;
  return { version: 1, a: a.name, b: b.name, same, removed, added, changed, unchanged, sockets, mounts, problems };
}

export const differs = (changes: Changes): boolean => changes.removed.length + changes.added.length + changes.changed.length > 0;

function changesOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Changes {
  return {
    removed: [...before.keys()].filter((key) => !after.has(key)).map((key) => label(key, before)),
    added: [...after.keys()].filter((key) => !before.has(key)).map((key) => label(key, after)),
    changed: [...after].filter(([key, value]) => before.has(key) && before.get(key) !== value).map(([what, value]) => ({ what, before: before.get(what)!, after: value })),
  };
}

const label = (key: string, of: ReadonlyMap<string, string>): string => (of.get(key) ? `${key}: ${of.get(key)}` : key);

/** Listeners and connections by their ends; unnamed unix sockets have no name that would last. */
function socketsByName(report: Report): Map<string, string> {
  const named = report.sockets.filter(({ family, local }) => family !== 'unix' || local !== '');
  return new Map(named.map(({ protocol, family, local, remote, state, receiveQueue, sendQueue }) => [`${protocol || family} ${local}${remote && ` ↔ ${remote}`}`, `${state}${receiveQueue || sendQueue ? `, ${receiveQueue} bytes unread, ${sendQueue} unsent` : ''}`]));
}

const mountsByName = (report: Report): Map<string, string> => new Map(report.mounts.map(({ mountpoint, type, source, root }) => [mountpoint, `${type} ${source} ${root}`]));

function factsOf(process: ReportProcess): Map<string, string> {
  const { credentials } = process;
  return new Map(
    Object.entries({
      name: process.name,
      state: process.state,
      parent: `${process.ppid}`,
      group: `${process.pgid}`,
      session: `${process.sid}`,
      command: process.command?.join(' '),
      executable: process.executable,
      directory: process.workingDirectory,
      root: process.root,
      user: credentials && `${credentials.uid}:${credentials.gid} ${credentials.groups.join(' ')}`,
      capabilities: credentials?.capabilities.join(' '),
      threads: process.threads.map(({ tid, name, policy, nice }) => `${tid} ${name} ${policy} ${nice}`).join(', '),
      handles: process.signals.handled.join(' '),
      blocks: process.signals.blocked.join(' '),
      ...Object.fromEntries(process.timers.map(({ name, text }) => [`timer ${name}`, text])),
    }).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
  );
}

async function diffProcess(a: Checkpoint, b: Checkpoint, was: ReportProcess, is: ReportProcess, problems: string[]): Promise<ProcessDiff | undefined> {
  const facts = changesOf(factsOf(was), factsOf(is));
  const descriptors = changesOf(...([was, is].map((process) => new Map(process.descriptors.map(({ fd, kind, name, flags, closeOnExec }) => [`${fd}`, `${kind} ${name} (${flags}${closeOnExec ? ',cloexec' : ''})`]))) as [Map<string, string>, Map<string, string>]));
  const mappings = changesOf(...([was, is].map((process) => new Map(process.memory.regions.map(({ start, end, rights, kind, name }) => [start, `-${end} ${rights} ${kind} ${name}`]))) as [Map<string, string>, Map<string, string>]));
  let environment: ProcessDiff['environment'] = { removed: [], added: [], changed: [] };
  let regions: RegionDiff[] = [];
  const pages = { same: 0, changed: 0, appeared: 0, gone: 0, unknown: 0 };
  if (was.state !== 'zombie' && is.state !== 'zombie') {
    try {
      const [before, after] = [await a.process(was.pid), await b.process(is.pid)];
      regions = await diffMemory(await before.memory(), await after.memory(), pages);
      environment = environmentChanges(await before.environment(), await after.environment());
    } catch (error) {
      if (!(error instanceof ImageCorrupt) && !(error instanceof MemoryUnavailable)) throw error;
      // reportOf met the same, and told whose it is.
      if (!problems.some((problem) => problem.includes(error.message))) problems.push(`process ${is.pid}: ${error.message}`);
    }
  }
  const environmentDiffers = environment.removed.length + environment.added.length + environment.changed.length > 0;
  const memoryDiffers = pages.changed + pages.appeared + pages.gone + pages.unknown > 0;
  if (!differs(facts) && !differs(descriptors) && !differs(mappings) && !environmentDiffers && !memoryDiffers) return undefined;
  return { pid: is.pid, name: is.name, facts, descriptors, environment, mappings, regions, pages };
}

function environmentChanges(before: readonly string[], after: readonly string[]): ProcessDiff['environment'] {
  const parse = (variables: readonly string[]): Map<string, string> => new Map(variables.map((variable) => [variable.split('=')[0]!, variable.slice(variable.indexOf('=') + 1)]));
  const [old, now] = [parse(before), parse(after)];
  return {
    removed: [...old.keys()].filter((name) => !now.has(name)),
    added: [...now.keys()].filter((name) => !old.has(name)),
    changed: [...now].filter(([name, value]) => old.has(name) && old.get(name) !== value).map(([name]) => name),
  };
}

/** Compares where both have something mapped, by B's regions; adds up into `total`. */
async function diffMemory(a: ProcessMemory, b: ProcessMemory, total: { same: number; changed: number; appeared: number; gone: number; unknown: number }): Promise<RegionDiff[]> {
  const diffs: RegionDiff[] = [];
  let from = 0;
  for (const region of b.regions) {
    // Both lists are in the order of addresses: what ended before this region ends before all that follow.
    while (from < a.regions.length && a.regions[from]!.end <= region.start) from++;
    for (let i = from; i < a.regions.length && a.regions[i]!.start < region.end; i++) {
      const other = a.regions[i]!;
      const start = other.start > region.start ? other.start : region.start;
      const end = other.end < region.end ? other.end : region.end;
      const pages = await comparePages(a, b, start, end);
      for (const key of ['same', 'changed', 'appeared', 'gone', 'unknown'] as const) total[key] += pages[key];
      if (pages.runs.length > 0 || pages.unknown > 0) diffs.push({ start: start.toString(16), end: end.toString(16), kind: region.kind, name: region.name, pages });
    }
  }
  return diffs;
}
