import type { Region, RegionKind } from '../memory/memory-map.js';
import type { ProcessView } from '../views/process.js';
import type { DropPagesEdit } from './edits.js';
import { DROPPABLE } from './edits.js';
import { spaceOf } from './page-changes.js';
import { EditRefused } from './refusal.js';
import type { Outcome } from './report.js';
import type { Asked, Transformation, Work } from './transformation.js';

/** Why the pages of other mappings can't be left out. */
const WHY_NOT: Readonly<Record<Exclude<RegionKind, (typeof DROPPABLE)[number]>, string>> = {
  stack: 'its calls could not return: what a stack holds are addresses',
  code: 'the program would read the file’s contents there, not zeros, and what was dumped differs from them',
  file: 'the program would read the file’s contents there, not zeros, and what was dumped differs from them',
  kernel: 'it is the kernel’s',
  socket: 'it is a ring that the kernel shares with the program',
  aio: 'it is a ring that the kernel shares with the program',
};

/** Pages that are left out of memory that reads as zeros where nobody wrote: private anonymous one, and shared segments. */
export function dropTransformation(asked: Asked<'drop-pages'>): Transformation {
  for (const { edit } of asked) check(edit);
  return {
    async prepare(work) {
      for (const { edit, outcome } of asked) {
        const processes = (await work.checkpoint.processes()).filter((process) => !process.isZombie && (edit.pid === undefined || edit.pid === process.pid));
        if (processes.length === 0) throw new EditRefused('edit-unmatched', `process ${edit.pid}`, 'there is no such process, or it has ended');
        for (const process of processes) await dropOf(process, edit, outcome, work);
      }
    },
  };
}

function check({ kind, range, pid }: DropPagesEdit): void {
  if ((kind === undefined) === (range === undefined)) throw new EditRefused('edit-refused', 'pages to leave out', 'they are told by the kind of their mappings, or by their addresses');
  if (kind !== undefined && !DROPPABLE.includes(kind)) throw new EditRefused('edit-refused', `pages of kind ${kind}`, WHY_NOT[kind as keyof typeof WHY_NOT] ?? `kinds are ${DROPPABLE.join(', ')}`);
  if (range !== undefined && pid === undefined) throw new EditRefused('edit-refused', `pages ${rangeText(range)}`, 'addresses are those of one process: name it (--pid)');
  if (range !== undefined && range.end <= range.start) throw new EditRefused('edit-refused', `pages ${rangeText(range)}`, 'there are none');
}

const rangeText = ({ start, end }: { readonly start: bigint; readonly end: bigint }): string => `${start.toString(16)}-${end.toString(16)}`;

async function dropOf(process: ProcessView, { kind, range }: DropPagesEdit, outcome: Outcome, { pages, findings }: Work): Promise<void> {
  const memory = await process.memory();
  const size = BigInt(memory.pageSize);
  if (range !== undefined && (range.start | range.end) % size !== 0n) throw new EditRefused('edit-refused', `pages ${rangeText(range)} of process ${process.pid}`, `pages have ${memory.pageSize} bytes, and begin at a multiple of it`);
  const regions = memory.regions.filter((region) => (range === undefined ? region.kind === kind : region.start < range.end && range.start < region.end));
  for (const region of regions) {
    if (!(DROPPABLE as readonly string[]).includes(region.kind)) throw new EditRefused('edit-refused', `pages ${rangeText(region)} of process ${process.pid} (${region.name || region.kind})`, WHY_NOT[region.kind as keyof typeof WHY_NOT]);
    const { space, shift } = spaceOf(process.pid, region);
    const [start, end] = partOf(region, range);
    pages.drops(space).push({ start: start - shift, end: end - shift, outcome });
    if (region.segment !== undefined) findings.notes.add(`shared memory is left out for every process that maps it: ${region.name}`);
  }
}

function partOf(region: Region, range: DropPagesEdit['range']): readonly [bigint, bigint] {
  if (range === undefined) return [region.start, region.end];
  return [region.start > range.start ? region.start : range.start, region.end < range.end ? region.end : range.end];
}
