// /proc/PID/stat (proc_pid_stat(5), fs/proc/array.c do_task_stat).
import { ProcFormatError } from './errors.js';
import { decodePath } from './path-text.js';
import { type ProcTask, readProc } from './read.js';

export interface ProcStat {
  readonly pid: number;
  /** Thread name; may hold anything, also ") ". */
  readonly comm: string;
  readonly state: string;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  /** Controlling terminal as the kernel's new_encode_dev (userspace encoding, 32 bits); 0: none. */
  readonly ttyNr: number;
  /** Foreground process group of the terminal; −1: none. */
  readonly tpgid: number;
  /** PF_* of the kernel (include/linux/sched.h). */
  readonly flags: number;
  readonly minflt: number;
  readonly majflt: number;
  /** User and system time in clock ticks (100 a second). */
  readonly utime: number;
  readonly stime: number;
  readonly cutime: number;
  readonly cstime: number;
  readonly priority: number;
  readonly nice: number;
  readonly numThreads: number;
  /** Clock ticks after boot; with the PID it tells a process from a later one. */
  readonly startTime: number;
  /** Bytes. */
  readonly vsize: number;
  /** Pages. */
  readonly rss: number;
  // Addresses; all 0 for who may not read them (ptrace access), for kernel threads and zombies.
  readonly startCode: number;
  readonly endCode: number;
  readonly startStack: number;
  readonly exitSignal: number;
  readonly processor: number;
  readonly rtPriority: number;
  readonly policy: number;
  readonly startData: number;
  readonly endData: number;
  readonly startBrk: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
  /** As wait(2) gives it. */
  readonly exitCode: number;
}

/** @throws ProcessGone, ProcFormatError */
export function readStat(task: ProcTask): ProcStat {
  return parseStat(readProc(task, 'stat').toString('latin1'));
}

/** `text` is Latin-1, a character a byte. @throws ProcFormatError */
export function parseStat(text: string): ProcStat {
  const open = text.indexOf(' (');
  // What follows the name never holds a parenthesis.
  const close = text.lastIndexOf(') ');
  if (open < 0 || close < open) throw new ProcFormatError('stat', text, 'no name in parentheses');
  const fields = text.slice(close + 2).trimEnd().split(' ');
  // Fields are numbered as in proc_pid_stat(5): state is 3.
  const field = (number: number): number => {
    const value = Number(fields[number - 3] || Number.NaN);
    if (Number.isNaN(value)) throw new ProcFormatError('stat', text, `field ${number} is missing or no number`);
    return value;
  };
  const pid = Number(text.slice(0, open));
  if (!Number.isInteger(pid)) throw new ProcFormatError('stat', text, 'no PID');
  return {
    pid,
    comm: decodePath(Buffer.from(text.slice(open + 2, close), 'latin1')),
    state: fields[0] as string,
    ppid: field(4),
    pgrp: field(5),
    session: field(6),
    ttyNr: field(7) >>> 0,
    tpgid: field(8),
    flags: field(9),
    minflt: field(10),
    majflt: field(12),
    utime: field(14),
    stime: field(15),
    cutime: field(16),
    cstime: field(17),
    priority: field(18),
    nice: field(19),
    numThreads: field(20),
    startTime: field(22),
    vsize: field(23),
    rss: field(24),
    startCode: field(26),
    endCode: field(27),
    startStack: field(28),
    exitSignal: field(38),
    processor: field(39),
    rtPriority: field(40),
    policy: field(41),
    startData: field(45),
    endData: field(46),
    startBrk: field(47),
    argStart: field(48),
    argEnd: field(49),
    envStart: field(50),
    envEnd: field(51),
    exitCode: field(52),
  };
}
