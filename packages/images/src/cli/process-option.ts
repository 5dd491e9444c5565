import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { Arguments } from './command.js';
import { UsageError } from './terminal.js';

/** The number that an option has; undefined where it is not given. */
export function numberOption({ values }: Arguments, name: string): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !/^\d{1,10}$/.test(text)) throw new UsageError(`--${name} wants a number, not '${String(text)}'`);
  return Number(text);
}

export async function processOf(checkpoint: Checkpoint, pid: number | undefined): ReturnType<Checkpoint['process']> {
  const processes = await checkpoint.processes();
  const found = pid === undefined ? processes[0] : processes.find((process) => process.pid === pid);
  if (found === undefined) throw new UsageError(pid === undefined ? 'the checkpoint has no process' : `there is no process ${pid}: ${processes.map((process) => process.pid).join(', ')}`);
  return found;
}
