import type { ipc_shm_entry, mm_entry } from '@criu-ts/images';
import { ImageCorrupt } from '../errors.js';
import { type PageSet, unite } from '../resources/memory/page-set.js';
import { attachedSize, attachmentsOf, isSystemV, readSegments, restoreSegment, settleSegment, statSegment } from '../resources/memory/system-v.js';
import type { RestoreRun } from './run.js';

/** The System V segments of a restore, there from the beginning to the end of the memory stage. */
export interface SystemVSegments {
  /** Bytes that it takes when attached. @throws ImageCorrupt */
  sizeOf(id: number): number;
  /** When all processes have attached them. */
  settle(): void;
}

/** Where the segments of a process come: whole, though parts may have become other mappings' places since. */
export function attachedRanges(run: RestoreRun): (mm: mm_entry) => PageSet {
  const sizes = new Map(segmentsOf(run).map((entry) => [entry.desc.id, attachedSize(entry)]));
  return ({ vmas }) => unite(attachmentsOf(vmas).map(({ id, base }) => [base, base + (sizes.get(id) ?? 0)]));
}

function segmentsOf(run: RestoreRun): ipc_shm_entry[] {
  const { tasks } = run.plan;
  const used = tasks.some(({ mm }) => mm.vmas.some(isSystemV));
  return used ? readSegments(run, tasks[0]?.ids.ipcNsId) : [];
}

/** Those that have to be made. */
export function missingSegments(run: RestoreRun): ipc_shm_entry[] {
  return segmentsOf(run).filter(({ desc }) => statSegment(desc.id) === undefined);
}

/** Finds or makes every segment of the images. */
export function restoreSystemV(run: RestoreRun): SystemVSegments {
  const { tasks } = run.plan;
  const segments = segmentsOf(run);
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
