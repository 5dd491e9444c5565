import { ImageCorrupt } from '../../errors.js';
import type { pstree_entry } from '../../gen/pstree.js';
import type { ImageSet } from '../../image-set.js';
import { IMAGE_TYPES } from '../../image-types.js';

/** The process tree, a line each, children below their parent. */
export function* listProcesses(set: ImageSet): Generator<string> {
  const tasks = set.read(IMAGE_TYPES.pstree);
  const pids = new Set(tasks.map((task) => task.pid));
  const children = new Map<number, pstree_entry[]>();
  for (const task of tasks) {
    if (task.ppid !== 0 && !pids.has(task.ppid)) throw new ImageCorrupt({ file: 'pstree.img', why: `process ${task.pid} has the parent ${task.ppid}, which is not there` });
    children.set(task.ppid, [...(children.get(task.ppid) ?? []), task]);
  }
  yield row('PID', 'PGID', 'SID', 'COMM');
  // Parents before children, by a stack and not by recursion: a tree may be as deep as there are processes.
  const stack = (children.get(0) ?? []).map((task) => ({ task, depth: 0 })).reverse();
  let shown = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { task, depth } = next;
    const comm = set.readOne(IMAGE_TYPES.core, task.pid).tc?.comm ?? '';
    yield row(task.pid, task.pgid, task.sid, ' '.repeat(4 * depth) + comm);
    stack.push(...(children.get(task.pid) ?? []).map((child) => ({ task: child, depth: depth + 1 })).reverse());
    shown++;
  }
  if (shown < tasks.length) throw new ImageCorrupt({ file: 'pstree.img', why: 'some processes descend from no process without a parent' });
}

const row = (pid: string | number, pgid: string | number, sid: string | number, comm: string): string => `${[pid, pgid, sid].map((id) => String(id).padStart(7)).join('')}   ${comm}`;
