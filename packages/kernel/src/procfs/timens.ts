// /proc/PID/timens_offsets (time_namespaces(7)): of the time namespace that the children of a process are born into.
import { ProcFormatError } from './errors.js';
import { linesOf } from './lines.js';
import { isAbsent, type ProcTask, readProcText } from './read.js';

/** What the clocks of a time namespace show more than those of the host, in nanoseconds. */
export interface ClockOffsets {
  readonly monotonic: bigint;
  readonly boottime: bigint;
}

/** Zeroes where the kernel has no time namespaces. @throws ProcessGone, ProcFormatError */
export function readClockOffsets(task: ProcTask): ClockOffsets {
  try {
    return parseClockOffsets(readProcText(task, 'timens_offsets'));
  } catch (error) {
    if (isAbsent(error)) return { monotonic: 0n, boottime: 0n };
    throw error;
  }
}

/** A line each: `monotonic  -5  500000000`; nanoseconds are counted up from the seconds. @throws ProcFormatError */
export function parseClockOffsets(text: string): ClockOffsets {
  const offsets = new Map<string, bigint>();
  for (const line of linesOf(text)) {
    const [, name = '', seconds, nanoseconds] = /^(\w+) +(-?\d+) +(\d+)$/.exec(line.trim()) ?? [];
    if (seconds === undefined || nanoseconds === undefined) throw new ProcFormatError('timens_offsets', line, 'no clock with seconds and nanoseconds');
    offsets.set(name, BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));
  }
  const of = (name: string): bigint => {
    const offset = offsets.get(name);
    if (offset === undefined) throw new ProcFormatError('timens_offsets', text, `no ${name} clock`);
    return offset;
  };
  return { monotonic: of('monotonic'), boottime: of('boottime') };
}
