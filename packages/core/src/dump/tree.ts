import type { pstree_entry } from '@criu-ts/images';
import type { ProcStat } from '@criu-ts/kernel/procfs';
import type { GrowthTask } from '../model/growth.js';
import type { DumpRun } from './run.js';

/** Who is whose child, in which session and group, and shares what; zombies too. Parents before their children. */
export function treeOf(run: DumpRun): GrowthTask[] {
  const living = run.tasks.map(({ pid, stat }) => ({ ...placeOf(stat, run), ids: { ...run.memory.ids(pid), ...run.files.sharedIds(pid) } }));
  return [...living, ...run.dead.map(({ stat }) => placeOf(stat, run))];
}

/** The same, as pstree.img has it. */
export function treeImage(run: DumpRun): pstree_entry[] {
  const living = run.tasks.map(({ id, stat, threads }) => ({ ...placeOf(stat, run), threads: [id, ...threads.map(({ tid }) => tid).filter((tid) => tid !== id)] }));
  return [...living, ...run.dead.map(({ stat }) => ({ ...placeOf(stat, run), threads: [stat.pid] }))];
}

function placeOf({ pid, ppid, pgrp, session }: ProcStat, run: DumpRun): { pid: number; ppid: number; pgid: number; sid: number } {
  return { pid, ppid: pid === run.options.pid ? 0 : ppid, pgid: pgrp, sid: session };
}
