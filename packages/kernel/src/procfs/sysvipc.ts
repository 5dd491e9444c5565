// /proc/sysvipc/shm and /proc/sysvipc/sem (proc_sysvipc_shm(5), ipc/shm.c, ipc/sem.c): the reader's ipc namespace.
import { decimal, linesOf } from './lines.js';
import { isAbsent, readWhole } from './read.js';

/** The ids of all System V objects of a kind; none where the kernel has no System V IPC. @throws ProcFormatError */
export function readSystemVIds(kind: 'shm' | 'sem' | 'msg'): number[] {
  try {
    return parseSystemVIds(readWhole(`/proc/sysvipc/${kind}`).toString('latin1'));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** A heading, then a line each: key, id, … @throws ProcFormatError */
export function parseSystemVIds(text: string): number[] {
  return linesOf(text)
    .slice(1)
    .map((line) => decimal('sysvipc', line.trim().split(/\s+/)[1]));
}
