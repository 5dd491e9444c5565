import { ImageCorrupt } from '../errors.js';
import { attachedSize, isSystemV, readSegments, restoreSegment, settleSegment } from '../resources/memory/system-v.js';
import type { RestoreRun } from './run.js';

/** The System V segments of a restore, there from the beginning to the end of the memory stage. */
export interface SystemVSegments {
  /** Bytes that it takes when attached. @throws ImageCorrupt */
  sizeOf(id: number): number;
  /** When all processes have attached them. */
  settle(): void;
}

/** Finds or makes every segment of the images. */
export function restoreSystemV(run: RestoreRun): SystemVSegments {
  const { tasks } = run.plan;
  const used = tasks.some(({ mm }) => mm.vmas.some(isSystemV));
  const segments = used ? readSegments(run, tasks[0]?.ids.ipcNsId) : [];
  const root = run.task(tasks[0]?.pid as number);
  for (const entry of segments) restoreSegment(entry, (run.tasks.get(entry.creatorPid ?? 0) ?? root).puppet, run, () => run.alive);
  const sizes = new Map(segments.map((entry) => [entry.desc.id, attachedSize(entry)]));
  return {
    sizeOf(id) {
      const size = sizes.get(id);
      if (size === undefined) throw new ImageCorrupt(`System V segment ${id} is attached, and nowhere to be found`, { object: 'ipcns-shm' });
      return size;
    },
    settle: () => segments.forEach(settleSegment),
  };
}
