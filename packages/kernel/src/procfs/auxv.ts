// /proc/PID/auxv: the auxiliary vector as the kernel keeps it (proc_pid_auxv(5)).
import { AUXV } from '../abi/auxvec.js';
import { ProcFormatError } from './errors.js';
import { type ProcTask, readProc } from './read.js';

export interface AuxvEntry {
  /** AUXV.* */
  readonly type: number;
  readonly value: bigint;
}

/** Without the closing AT_NULL; empty for kernel threads and zombies. @throws ProcessGone, ProcFormatError */
export function readAuxv(task: ProcTask): AuxvEntry[] {
  return parseAuxv(readProc(task, 'auxv'));
}

/** @throws ProcFormatError */
export function parseAuxv(bytes: Uint8Array): AuxvEntry[] {
  if (bytes.length % 16 !== 0) throw new ProcFormatError('auxv', `${bytes.length} bytes`, 'no whole pairs');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: AuxvEntry[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const type = Number(view.getBigUint64(at, true));
    if (type === AUXV.NULL) break;
    entries.push({ type, value: view.getBigUint64(at + 8, true) });
  }
  return entries;
}
