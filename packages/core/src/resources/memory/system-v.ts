// Attached System V shared memory (sysvipc(7), shmat(2)).
import { IMAGE_TYPES, type ImageSet, type mm_entry, type vma_entry } from '@criu-ts/images';
import { CLONE, O, PROT, SHM, SYS } from '@criu-ts/kernel/abi';
import { readSystemVIds } from '@criu-ts/kernel/procfs';
import { enterNamespace, open } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';
import { ImageCorrupt } from '../../errors.js';
import { PAGE, VMA } from './vma-status.js';

/** What one shmat(2) made and munmap(2) and mprotect(2) left of it: parts of the segment around one place. */
export interface Attachment {
  readonly id: number;
  /** Where the segment's first byte is, or was. */
  readonly base: number;
  /** In order of address. */
  readonly pieces: readonly vma_entry[];
}

export const isSystemV = ({ status }: vma_entry): boolean => (status & VMA.SYSVIPC) !== 0;

/** Ids of the segments that these mappings are of. */
export function attachedSegments(vmas: readonly vma_entry[]): ReadonlySet<number> {
  return new Set(vmas.filter(isSystemV).map(({ shmid }) => Number(shmid)));
}

export function attachmentsOf(vmas: readonly vma_entry[]): Attachment[] {
  const found = new Map<string, { id: number; base: number; pieces: vma_entry[] }>();
  for (const vma of vmas) {
    if (!isSystemV(vma)) continue;
    const base = Number(vma.start - vma.pgoff);
    const key = `${vma.shmid} ${base}`;
    const attachment = found.get(key) ?? { id: Number(vma.shmid), base, pieces: [] };
    attachment.pieces.push(vma);
    found.set(key, attachment);
  }
  return [...found.values()].sort((a, b) => a.base - b.base);
}

/**
 * Adds the calls that attach all segments of a process. They come before its other mappings: a segment is attached
 * whole, and what the process had unmapped of it may be another mapping's place.
 */
export function attachSegments(batch: Batch, mm: mm_entry, sizeOf: (id: number) => number): void {
  for (const { id, base, pieces } of attachmentsOf(mm.vmas)) {
    const end = base + sizeOf(id);
    const readOnly = pieces.every(isReadOnly);
    batch.doing(`attach System V segment ${id}`).expect(base, SYS.shmat, id, base, readOnly ? SHM.RDONLY : 0);
    let at = base;
    for (const piece of pieces) {
      if (Number(piece.start) > at) batch.call(SYS.munmap, at, Number(piece.start) - at);
      at = Number(piece.end);
    }
    if (at < end) batch.call(SYS.munmap, at, end - at);
    const prot = readOnly ? PROT.READ : PROT.READ | PROT.WRITE;
    for (const piece of pieces) if (piece.prot !== prot) batch.call(SYS.mprotect, piece.start, piece.end - piece.start, piece.prot);
  }
}

/** Attached with SHM_RDONLY. Images of old have no fdflags. */
function isReadOnly({ fdflags, prot }: vma_entry): boolean {
  return fdflags === undefined ? (prot & PROT.WRITE) === 0 : (fdflags & O.ACCMODE) === O.RDONLY;
}

/** The ids of all segments of an ipc namespace. @param link in /proc/PID/ns; undefined: our own */
export function segmentIds(link: string | undefined): ReadonlySet<number> {
  using file = link === undefined ? undefined : open(link, O.RDONLY);
  using _inside = file && enterNamespace(file, 'ipc', CLONE.NEWIPC);
  return new Set(readSystemVIds('shm'));
}

/** How many bytes each segment of the images takes when it is attached. @param ipcNsId number of the tree's ipc namespace in the images */
export function attachedSizes(images: ImageSet, ipcNsId: number): (id: number) => number {
  let sizes: ReadonlyMap<number, number> | undefined;
  return (id) => {
    sizes ??= new Map(images.readIfPresent(IMAGE_TYPES.ipcnsShm, ipcNsId).map(({ message: { desc, size } }) => [desc.id, Math.ceil(Number(size) / PAGE) * PAGE]));
    const size = sizes.get(id);
    if (size === undefined) throw new ImageCorrupt(`System V segment ${id} is attached, and nowhere to be found`, { object: 'ipcns-shm' });
    return size;
  };
}
