import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs';
import { descendantsOf } from './shepherd.js';

/**
 * What /proc says of a process tree: field → text. Only what stays the same while a program waits; counters, resident
 * sizes and times are left out. Field names are such as `status/SigBlk`, `thread 2/comm`, `fd/7`, `fdinfo/7/pos`,
 * `maps/7f00…`, of a child `child 1/…`, where children and threads are numbered by pid order.
 */
export type ProcSnapshot = ReadonlyMap<string, string>;

/** Lines of /proc/PID/status that tell about state, not about use. */
const statusFields = [
  'Name', 'Umask', 'Tgid', 'Pid', 'PPid', 'TracerPid', 'Uid', 'Gid', 'FDSize', 'Groups', 'NStgid', 'NSpid', 'NSpgid', 'NSsid', 'VmLck',
  'CoreDumping', 'THP_enabled', 'Threads', 'SigPnd', 'ShdPnd', 'SigBlk', 'SigIgn', 'SigCgt', 'CapInh', 'CapPrm', 'CapEff',
  'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Seccomp_filters', 'Speculation_Store_Bypass', 'SpeculationIndirectBranch',
  'Cpus_allowed', 'Mems_allowed',
] as const;

/** Fields of /proc/PID/stat, by their number in proc(5) (pid is 1, comm 2). */
const statFields: Readonly<Record<string, number>> = {
  pgrp: 5, session: 6, tty_nr: 7, tpgid: 8, priority: 18, nice: 19, num_threads: 20, starttime: 22, startcode: 26, endcode: 27, startstack: 28,
  exit_signal: 38, rt_priority: 40, policy: 41, start_data: 45, end_data: 46, start_brk: 47, arg_start: 48, arg_end: 49,
  env_start: 50, env_end: 51,
};

const wholeFiles = [
  'cmdline', 'environ', 'auxv', 'personality', 'oom_score_adj', 'coredump_filter', 'limits', 'timers', 'timerslack_ns', 'cgroup',
  'loginuid', 'sessionid', 'uid_map', 'gid_map', 'timens_offsets',
] as const;
const links = ['cwd', 'root', 'exe'] as const;
const threadStatusFields = ['Name', 'TracerPid', 'SigPnd', 'SigBlk', 'CapEff', 'CapPrm', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Uid', 'Gid', 'Cpus_allowed'] as const;
/** smaps lines that are state. Private_Dirty and its like change by reading, swapping, merging. */
const smapsFields = ['VmFlags', 'Locked', 'KernelPageSize', 'ProtectionKey'] as const;

/** Largest executable mapping whose contents are hashed, in bytes: enough for python and redis, quick. */
const maxHashed = 16 << 20;

/** Takes the snapshot of `pid` and all its descendants. @throws where the process does not exist */
export function takeSnapshot(pid: number): ProcSnapshot {
  const snapshot = new Map<string, string>();
  addProcess(snapshot, '', pid);
  descendantsOf(pid).sort((a, b) => a - b).forEach((child, at) => addProcess(snapshot, `child ${at + 1}/`, child));
  return snapshot;
}

function addProcess(snapshot: Map<string, string>, prefix: string, pid: number): void {
  const add = (field: string, text: string): void => void snapshot.set(prefix + field, text);
  const proc = `/proc/${pid}`;
  const status = parseColonLines(read(`${proc}/status`));
  for (const field of statusFields) add(`status/${field}`, status.get(field) ?? '(none)');
  const stat = read(`${proc}/stat`);
  const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  add('stat/stopped', /^[Tt]$/.test(numbers[0] ?? '') ? 'yes' : 'no');
  for (const [field, at] of Object.entries(statFields)) add(`stat/${field}`, numbers[at - 3] ?? '(none)');
  for (const file of wholeFiles) add(file, stable(file, readOr(`${proc}/${file}`)));
  // Of a main thread that has ended while others live on /proc shows nothing that the process has.
  const alive = numbers[0] === 'Z' ? `/proc/${livingThread(proc)}` : proc;
  for (const link of links) add(link, linkOr(`${alive}/${link}`));
  for (const ns of readdirSync(`${proc}/ns`)) add(`ns/${ns}`, linkOr(`${alive}/ns/${ns}`));
  readdirSync(`${proc}/task`).map(Number).sort((a, b) => a - b).forEach((tid, at) => addThread(add, `${proc}/task/${tid}`, at));
  addFiles(add, alive);
  addMemory(add, alive);
}

/** Takes out of a file what changes by itself. */
function stable(file: (typeof wholeFiles)[number], text: string): string {
  // Hierarchies come and go on a host, and have numbers then; to be in the root of one is to be in none.
  if (file === 'cgroup') return text.split('\n').filter((line) => !line.endsWith(':/')).map((line) => line.replace(/^[1-9]\d*:/, '')).join('\n');
  if (file === 'auxv') return createHash('sha1').update(text, 'latin1').digest('hex');
  return text.replaceAll('\0', ' ').trimEnd();
}

function livingThread(proc: string): string {
  const tids = readdirSync(`${proc}/task`);
  return tids.find((tid) => !/\) [ZX]/.test(readOr(`${proc}/task/${tid}/stat`))) ?? proc.slice(proc.lastIndexOf('/') + 1);
}

function addThread(add: (field: string, text: string) => void, proc: string, at: number): void {
  const status = parseColonLines(readOr(`${proc}/status`));
  add(`thread ${at}/tid`, proc.slice(proc.lastIndexOf('/') + 1));
  for (const field of threadStatusFields) add(`thread ${at}/${field}`, status.get(field) ?? '(none)');
  const stat = readOr(`${proc}/stat`);
  const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  for (const field of ['priority', 'nice', 'policy', 'rt_priority']) add(`thread ${at}/${field}`, numbers[(statFields[field] ?? 0) - 3] ?? '(none)');
  add(`thread ${at}/stopped`, /^[Tt]$/.test(numbers[0] ?? '') ? 'yes' : 'no');
}

function addFiles(add: (field: string, text: string) => void, proc: string): void {
  for (const fd of readdirSync(`${proc}/fd`)) {
    add(`fd/${fd}`, linkOr(`${proc}/fd/${fd}`));
    const seen = new Map<string, number>();
    for (const line of readOr(`${proc}/fdinfo/${fd}`).trimEnd().split('\n')) {
      const [word, rest] = splitOnce(line);
      // epoll's targets have a line each, in an order that is the kernel's memory's: known by the descriptor they were added by
      const [, target = '', about = ''] = /^(\d+) (.*)$/.exec(word === 'tfd' ? rest : '') ?? [];
      const [key, value] = target === '' ? [word, rest] : [`tfd ${target}`, about];
      const nth = seen.get(key) ?? 0;
      seen.set(key, nth + 1);
      add(`fdinfo/${fd}/${key}${nth === 0 ? '' : `#${nth}`}`, value);
    }
  }
}

function addMemory(add: (field: string, text: string) => void, proc: string): void {
  const mem = openSync(`${proc}/mem`, 'r');
  try {
    let where = '';
    for (const line of readOr(`${proc}/smaps`).trimEnd().split('\n')) {
      const vma = /^([0-9a-f]+)-([0-9a-f]+) (\S{4} \S+ \S+ \d+) *(.*)$/.exec(line);
      if (vma !== null) {
        const [, begin = '', end = '', rest = '', name = ''] = vma;
        where = `maps/${begin}-${end}`;
        add(where, `${rest} ${name}`.trimEnd());
        // A breakpoint left behind, or code that is not what the file says.
        if (/^r-x/.test(rest) && !name.startsWith('[v')) add(`${where}/code`, hashMemory(mem, Number(`0x${begin}`), Number(`0x${end}`)));
        continue;
      }
      const [key, value] = splitOnce(line);
      if ((smapsFields as readonly string[]).includes(key)) add(`${where}/${key}`, value);
    }
  } finally {
    closeSync(mem);
  }
}

function hashMemory(mem: number, begin: number, end: number): string {
  if (end - begin > maxHashed) return '(too large)';
  const bytes = Buffer.alloc(end - begin);
  try {
    readSync(mem, bytes, 0, bytes.length, begin);
  } catch {
    return '(unreadable)';
  }
  return createHash('sha1').update(bytes).digest('hex');
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf(':');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).trim().replace(/\s+/g, ' ')];
}

function parseColonLines(text: string): Map<string, string> {
  return new Map(text.split('\n').map(splitOnce));
}

function read(file: string): string {
  return readFileSync(file, 'latin1');
}

/** What can't be read (setgid programs, missing kernel options) is told as such. */
function readOr(file: string): string {
  try {
    return read(file);
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`;
  }
}

function linkOr(file: string): string {
  try {
    return readlinkSync(file);
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`;
  }
}
