// /proc/PID/timers: the POSIX timers of a process (proc_pid_timers(5); needs CONFIG_CHECKPOINT_RESTORE).
import { SIGEV } from '../abi/time.js';
import { ProcFormatError } from './errors.js';
import { decimal, fieldsOf, hex64, linesOf } from './lines.js';
import { type ProcTask, readProcText } from './read.js';

export interface PosixTimer {
  readonly id: number;
  /** CLOCK.*; negative for CPU clocks of tasks. */
  readonly clockId: number;
  readonly signal: number;
  /** sigev_value */
  readonly value: bigint;
  /** SIGEV.SIGNAL, NONE or THREAD, with SIGEV.THREAD_ID where a thread is meant. */
  readonly notify: number;
  /** The thread (SIGEV.THREAD_ID) or process that is told; 0: it is gone or not in our namespace. */
  readonly target: number;
}

const notifies: Readonly<Record<string, number>> = { signal: SIGEV.SIGNAL, none: SIGEV.NONE, thread: SIGEV.THREAD };

/** Newest first, as shown. @throws ProcessGone, ProcFormatError; ENOENT where the kernel lacks it */
export function readTimers(task: ProcTask): PosixTimer[] {
  return parseTimers(readProcText(task, 'timers'));
}

/** @throws ProcFormatError */
export function parseTimers(text: string): PosixTimer[] {
  const lines = linesOf(text);
  const timers: PosixTimer[] = [];
  for (let at = 0; at < lines.length; at += 4) {
    const [id, signal, value, how, kind, target, clockId] = fieldsOf(
      'timers',
      lines.slice(at, at + 4).join('\n'),
      /^ID: (\d+)\nsignal: (\d+)\/(?:0x)?([0-9a-f]+)\nnotify: (\w+)\/(tid|pid)\.(-?\d+)\nClockID: (-?\d+)$/,
    );
    const notify = notifies[how as string];
    if (notify === undefined) throw new ProcFormatError('timers', how as string, 'unknown notification');
    timers.push({
      id: decimal('timers', id),
      clockId: decimal('timers', clockId),
      signal: decimal('timers', signal),
      value: hex64('timers', value),
      notify: kind === 'tid' ? notify | SIGEV.THREAD_ID : notify,
      target: decimal('timers', target),
    });
  }
  return timers;
}
