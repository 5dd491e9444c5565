// The files of /proc/PID that hold one value.
import { ProcFormatError } from './errors.js';
import { decimal, hex, hex64 } from './lines.js';
import { decodePath } from './path-text.js';
import { isAbsent, type ProcTask, readProc, readProcText } from './read.js';

/** Login uid for audit; undefined: never set (the kernel's 4294967295), or a kernel without audit. @throws ProcessGone */
export function readLoginUid(task: ProcTask): number | undefined {
  try {
    return parseLoginUid(readProcText(task, 'loginuid'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export function parseLoginUid(text: string): number | undefined {
  const uid = decimal('loginuid', text);
  return uid === 0xffffffff ? undefined : uid;
}

/** −1000…1000. @throws ProcessGone */
export function readOomScoreAdj(task: ProcTask): number {
  return decimal('oom_score_adj', readProcText(task, 'oom_score_adj'));
}

/** The nice value of the autogroup of its session (sched(7)); undefined: a kernel without CONFIG_SCHED_AUTOGROUP. @throws ProcessGone */
export function readAutogroupNice(task: ProcTask): number | undefined {
  try {
    return parseAutogroupNice(readProcText(task, 'autogroup'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** `/autogroup-12 nice -5`; a zombie has none: 0. */
export function parseAutogroupNice(text: string): number {
  if (text === '') return 0;
  const nice = /^\/autogroup-\d+ nice (-?\d+)\n?$/.exec(text)?.[1];
  if (nice === undefined) throw new ProcFormatError('autogroup', text, 'unknown format');
  return Number(nice);
}

/** Execution domain and flags of personality(2). @throws ProcessGone */
export function readPersonality(task: ProcTask): number {
  return hex('personality', readProcText(task, 'personality').trim());
}

/** Bits of core(5) "Controlling which mappings are written"; undefined for kernel threads. @throws ProcessGone */
export function readCoredumpFilter(task: ProcTask): number | undefined {
  const text = readProcText(task, 'coredump_filter').trim();
  return text === '' ? undefined : hex('coredump_filter', text);
}

/** Nanoseconds. @throws ProcessGone */
export function readTimerSlack(task: ProcTask): number {
  return decimal('timerslack_ns', readProcText(task, 'timerslack_ns'));
}

/** The name of a thread, at most 15 bytes. @throws ProcessGone */
export function readComm(task: ProcTask): string {
  const bytes = readProc(task, 'comm');
  return decodePath(bytes.subarray(0, bytes.length - 1));
}

/** The arguments, decoded as paths are. @throws ProcessGone */
export function readCmdline(task: ProcTask): string[] {
  const text = decodePath(readProc(task, 'cmdline'));
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** What /proc/PID/syscall says (proc_pid_syscall(5)). */
export type BlockedIn =
  | { readonly state: 'running' }
  /** Stopped, but in no system call. */
  | { readonly state: 'outside'; readonly sp: bigint; readonly pc: bigint }
  | { readonly state: 'inside'; readonly number: number; readonly args: readonly bigint[]; readonly sp: bigint; readonly pc: bigint };

/** @throws ProcessGone, ProcFormatError */
export function readSyscall(task: ProcTask): BlockedIn {
  return parseSyscall(readProcText(task, 'syscall'));
}

/** @throws ProcFormatError */
export function parseSyscall(text: string): BlockedIn {
  const line = text.trim();
  if (line === 'running') return { state: 'running' };
  const [number, ...words] = line.split(' ');
  const values = words.map((word) => hex64('syscall', word));
  const [sp, pc] = values.slice(-2);
  if (sp === undefined || pc === undefined) throw new ProcFormatError('syscall', line, 'unknown format');
  if (number === '-1' && values.length === 2) return { state: 'outside', sp, pc };
  if (values.length !== 8) throw new ProcFormatError('syscall', line, 'unknown format');
  return { state: 'inside', number: decimal('syscall', number), args: values.slice(0, 6), sp, pc };
}
