import { IMAGE_TYPES, type ImageSet } from '@criu-ts/images';
import { MAP, O, PROT, SYS } from '@criu-ts/kernel/abi';
import { mapFilePath } from '@criu-ts/kernel/procfs';
import { open, type OwnedFd, sys } from '@criu-ts/kernel/sys';
import { copyFileRuns } from './file-copier.js';
import { openPages } from './open-pages.js';
import { readPagemap } from './pages-reader.js';

/** A new anonymous shared memory object, as mmap(MAP_SHARED | MAP_ANONYMOUS) makes it. @param size whole pages */
export function createSharedMemory(size: number): OwnedFd {
  const start = sys(SYS.mmap, 0, size, PROT.READ | PROT.WRITE, MAP.SHARED | MAP.ANONYMOUS, -1, 0);
  try {
    return open(mapFilePath('self', { start, end: start + size }), O.RDWR);
  } finally {
    sys(SYS.munmap, start, size);
  }
}

/** Fills a shared memory object (anonymous or memfd) from `pagemap-shmem-<shmid>`. @returns pages written */
export function fillSharedMemory(images: ImageSet, shmid: bigint, object: OwnedFd): number {
  const { pagesId, runs } = readPagemap(images, IMAGE_TYPES.shmemPagemap, shmid);
  if (runs.length === 0) return 0;
  using pages = openPages(images, pagesId);
  let total = 0;
  for (const { address, length, offset } of runs) {
    copyFileRuns(pages, offset, object, address, length);
    total += length;
  }
  return total / 4096;
}
