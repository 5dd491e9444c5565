import type { vma_entry } from '../gen/vma.js';
import { MAP_GROWSDOWN, VMA } from './vma-bits.js';

export type RegionKind = 'code' | 'file' | 'heap' | 'stack' | 'anonymous' | 'shared' | 'sysv' | 'memfd' | 'kernel' | 'socket' | 'aio';

/** A mapping of a process, told as /proc/PID/maps would. */
export interface Region {
  readonly start: bigint;
  /** not included */
  readonly end: bigint;
  readonly kind: RegionKind;
  /** "r-xp": rights, and whether the mapping is private */
  readonly rights: string;
  /** path of the mapped file, or a name in brackets, or "" */
  readonly name: string;
  /** bytes into the file, or into the shared segment */
  readonly offset: bigint;
  /** the segment of shared memory whose pages it shows (pagemap-shmem-ID) */
  readonly segment: bigint | undefined;
  /** the file whose contents are behind it, by its id in files.img */
  readonly fileId: number | undefined;
  readonly vma: vma_entry;
}

/** What else is known of mapped files. */
export interface FileFacts {
  readonly path: (fileId: number) => string | undefined;
  /** the segment that holds a memfd's contents */
  readonly memfdSegment: (fileId: number) => bigint | undefined;
}

export function regionOf(vma: vma_entry, facts: FileFacts): Region {
  const { status } = vma;
  const ofFile = (status & (VMA.filePrivate | VMA.fileShared)) !== 0;
  const fileId = ofFile || status & VMA.memfd ? Number(vma.shmid) : undefined;
  const kind = kindOf(vma);
  const shared = (status & (VMA.anonShared | VMA.sysvIpc)) !== 0;
  return {
    start: vma.start,
    end: vma.end,
    kind,
    rights: `${vma.prot & 1 ? 'r' : '-'}${vma.prot & 2 ? 'w' : '-'}${vma.prot & 4 ? 'x' : '-'}${vma.flags & 1 ? 's' : 'p'}`,
    name: nameOf(vma, kind, fileId === undefined ? undefined : facts.path(fileId)),
    offset: vma.pgoff,
    segment: shared ? vma.shmid : status & VMA.memfd ? facts.memfdSegment(fileId!) : undefined,
    fileId: status & VMA.memfd ? undefined : fileId,
    vma,
  };
}

function kindOf({ status, prot, flags }: vma_entry): RegionKind {
  if (status & (VMA.vdso | VMA.vvar | VMA.vsyscall)) return 'kernel';
  if (status & VMA.sysvIpc) return 'sysv';
  if (status & VMA.memfd) return 'memfd';
  if (status & VMA.anonShared) return 'shared';
  if (status & VMA.socket) return 'socket';
  if (status & VMA.aioRing) return 'aio';
  if (status & (VMA.filePrivate | VMA.fileShared)) return prot & 4 ? 'code' : 'file';
  if (status & VMA.heap) return 'heap';
  return status & VMA.stack || flags & MAP_GROWSDOWN ? 'stack' : 'anonymous';
}

function nameOf(vma: vma_entry, kind: RegionKind, path: string | undefined): string {
  if (path !== undefined) return path;
  if (vma.anonName !== undefined) return `[anon:${vma.anonName}]`;
  if (vma.status & VMA.vdso) return '[vdso]';
  if (vma.status & VMA.vvar) return '[vvar]';
  if (vma.status & VMA.vsyscall) return '[vsyscall]';
  if (kind === 'heap') return '[heap]';
  if (kind === 'stack') return '[stack]';
  return kind === 'anonymous' || kind === 'code' || kind === 'file' ? '' : `[${kind} ${vma.shmid}]`;
}
