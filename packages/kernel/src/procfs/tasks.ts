// Who lives: /proc, /proc/PID/task, children.
import { ProcessGone } from './errors.js';
import { countLinks, isAbsent, listDirectory, listProcNumbers, type ProcTask, readProcText } from './read.js';
import { type ProcStat, readStat } from './stat.js';

/** Links of /proc/PID/task where there is one thread: two of a directory, and one a thread (fs/proc/base.c, proc_task_getattr). */
const LINKS_OF_ONE = 3;

/** The thread ids of a process, ascending. @throws ProcessGone */
export function listThreads(pid: number | 'self'): number[] {
  // The last thread has its process's id, as execve(2) and the kernel's delay of the main thread's end see to. One call instead of four.
  if (pid !== 'self' && countLinks(pid, 'task') === LINKS_OF_ONE) return [pid];
  return listProcNumbers(pid, 'task');
}

/** All PIDs of our PID namespace (as /proc shows it), ascending. */
export function listProcesses(): number[] {
  return listDirectory('/proc')
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);
}

/**
 * The children that a thread has made. Exact only while all of them are stopped (proc_tid_children(5)).
 * undefined: the kernel lacks the file (CONFIG_PROC_CHILDREN). @throws ProcessGone
 */
export function readChildren(task: ProcTask): number[] | undefined {
  try {
    return parseChildren(readProcText(task, 'children'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export function parseChildren(text: string): number[] {
  return text.split(' ').flatMap((pid) => (pid.trim() === '' ? [] : [Number(pid)]));
}

/**
 * The children of a whole process, by the file `children` of its threads, else by looking at every process.
 * A child born meanwhile may be missed: whoever must have all stops the process and repeats. @throws ProcessGone
 */
export function listChildren(pid: number): number[] {
  const children: number[] = [];
  for (const tid of listThreads(pid)) {
    let own: number[] | undefined;
    try {
      own = readChildren(`${pid}/task/${tid}`);
    } catch (error) {
      if (error instanceof ProcessGone) continue; // one thread ended; its children go to another
      throw error;
    }
    if (own === undefined) return childrenByParent().get(pid) ?? [];
    children.push(...own);
  }
  return children.sort((a, b) => a - b);
}

/** PIDs by the PID of their parent, from the stat of every process: the way for a whole tree where `children` is missing. */
export function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const { pid, ppid } of readAllStats()) {
    const siblings = children.get(ppid);
    if (siblings === undefined) children.set(ppid, [pid]);
    else siblings.push(pid);
  }
  return children;
}

/** The stat of every process; those that end meanwhile are left out. */
export function readAllStats(): ProcStat[] {
  const stats: ProcStat[] = [];
  for (const pid of listProcesses()) {
    try {
      stats.push(readStat(pid));
    } catch (error) {
      if (!(error instanceof ProcessGone)) throw error;
    }
  }
  return stats;
}
