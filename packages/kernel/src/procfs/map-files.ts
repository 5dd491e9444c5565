// /proc/PID/map_files: a link per file mapping, exact where the text of maps is not (proc_pid_map_files(5)).
import { type ProcTask, procPath, readProcLink } from './read.js';

/** "55ba0000-55bb0000", the name of a mapping in map_files. */
export function mapFileName(mapping: { start: number; end: number }): string {
  return `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
}

/** The path for open(2) and stat(2): reaches the very file, also a deleted one. Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE. */
export function mapFilePath(task: ProcTask, mapping: { start: number; end: number }): string {
  return procPath(task, `map_files/${mapFileName(mapping)}`);
}

/** Where the link points: raw, nothing escaped; " (deleted)" may follow (see splitDeleted). @throws ProcessGone */
export function readMapFileLink(task: ProcTask, mapping: { start: number; end: number }): string {
  return readProcLink(task, `map_files/${mapFileName(mapping)}`);
}
