// Attached System V shared memory (sysvipc(7), shmat(2)).
import { IMAGE_TYPES, type ImageSet, type ipc_shm_entry, type mm_entry, type vma_entry } from '@criu-ts/images';
import { CLONE, MAP, O, PROT, SHM, SYS } from '@criu-ts/kernel/abi';
import { readSystemVIds } from '@criu-ts/kernel/procfs';
import { enterNamespace, open } from '@criu-ts/kernel/sys';
import type { Batch } from '@criu-ts/tracee';
import { ImageCorrupt } from '../../errors.js';
import { hugeFlags, hugePageSize } from './hugetlb.js';
import { type PageSet, unite } from './page-set.js';
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

/** The segments that these mappings are of: their ids, and what the images say of their huge pages ({@link hugetlbFlagOf}). */
export function attachedSegments(vmas: readonly vma_entry[]): ReadonlyMap<number, number | undefined> {
  return new Map(vmas.filter(isSystemV).map((vma) => [Number(vma.shmid), hugetlbFlagOf(vma)]));
}

/** SHM_HUGETLB and the size of the pages, as shmget(2) takes them; undefined: usual pages. */
export function hugetlbFlagOf({ flags }: vma_entry): number | undefined {
  return (flags & MAP.HUGETLB) === 0 ? undefined : SHM.HUGETLB | (hugeFlags(flags) & ~MAP.HUGETLB);
}

/** Bytes that an attachment takes. */
export function attachedSize({ size, hugetlbFlag = 0 }: Pick<ipc_shm_entry, 'size' | 'hugetlbFlag'>): number {
  const page = hugetlbFlag === 0 ? PAGE : hugePageSize(hugetlbFlag);
  return Math.ceil(Number(size) / page) * page;
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
    sizes ??= new Map(images.readIfPresent(IMAGE_TYPES.ipcnsShm, ipcNsId).map(({ message }) => [message.desc.id, attachedSize(message)]));
    const size = sizes.get(id);
    if (size === undefined) throw new ImageCorrupt(`System V segment ${id} is attached, and nowhere to be found`, { object: 'ipcns-shm' });
    return size;
  };
}

/** Where the segments of a process come: whole, though parts may have become other mappings' places since. */
export function attachedRanges({ vmas }: mm_entry, sizeOf: (id: number) => number): PageSet {
  return unite(attachmentsOf(vmas).map(({ id, base }) => [base, base + sizeOf(id)]));
}
