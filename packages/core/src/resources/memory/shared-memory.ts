import { IMAGE_TYPES, type ImageSet } from '@criu-ts/images';
import { MAP, O, PROT, SYS } from '@criu-ts/kernel/abi';
import { mapFilePath } from '@criu-ts/kernel/procfs';
import { Memory, open, type OwnedFd, pwriteFully, sys, viewAt } from '@criu-ts/kernel/sys';
import { ImageCorrupt } from '../../errors.js';
import { statOf } from '../../files/paths.js';
import { isHugetlb } from './hugetlb.js';
import { StoredPages, type StoredRun } from './stored-pages.js';
import { PAGE } from './vma-status.js';

/** A new anonymous shared memory object, as mmap(MAP_SHARED | MAP_ANONYMOUS) makes it. @param size whole pages @param huge MAP_HUGETLB and the like */
export function createSharedMemory(size: number, huge = 0): OwnedFd {
  const start = sys(SYS.mmap, 0, size, PROT.READ | PROT.WRITE, MAP.SHARED | MAP.ANONYMOUS | huge, -1, 0);
  try {
    return open(mapFilePath('self', { start, end: start + size }), O.RDWR);
  } finally {
    sys(SYS.munmap, start, size);
  }
}

/** Fills a shared memory object (anonymous or memfd) from `pagemap-shmem-<shmid>`. @returns pages written */
export function fillSharedMemory(images: ImageSet, shmid: bigint, object: OwnedFd): number {
  using pages = new StoredPages(images, IMAGE_TYPES.shmemPagemap, shmid);
  if (isHugetlb(object)) fillMapped(pages, object);
  else if (pages.file !== undefined) copyFromFile(pages.file, pages.runs, object);
  else copyThroughUs(pages, object);
  return pages.bytes / PAGE;
}

/** From a mapping of the file: no byte is copied twice. */
function copyFromFile(file: OwnedFd, runs: readonly StoredRun[], object: OwnedFd): void {
  // They lie in the file one behind the other.
  const last = runs.at(-1);
  if (last === undefined) return;
  const end = last.offset + last.length;
  const window = sys(SYS.mmap, 0, end, PROT.READ, MAP.SHARED, file.number, 0);
  try {
    for (const { address, length, offset } of runs) pwriteFully(object, window + offset, length, address);
  } finally {
    sys(SYS.munmap, window, end);
  }
}

/** What must be decompressed or checked. */
function copyThroughUs(pages: StoredPages, object: OwnedFd): void {
  for (const { address, length, offset } of pages.runs) {
    for (let done = 0; done < length; done += CHUNK) {
      const part = Math.min(CHUNK, length - done);
      pages.readInto(buffer.bytes.subarray(0, part), offset + done);
      pwriteFully(object, buffer.address, part, address + done);
    }
  }
}

/** hugetlbfs can't be written by write(2). */
function fillMapped(pages: StoredPages, object: OwnedFd): void {
  const size = Number(statOf(object).size);
  if (pages.bytes === 0) return;
  const start = sys(SYS.mmap, 0, size, PROT.READ | PROT.WRITE, MAP.SHARED, object.number, 0);
  try {
    for (const { address, length, offset } of pages.runs) {
      if (address + length > size) throw new ImageCorrupt(`its page at 0x${address.toString(16)} lies behind its end`);
      for (let done = 0; done < length; done += CHUNK) {
        const part = Math.min(CHUNK, length - done);
        pages.readInto(new Uint8Array(viewAt(start + address + done, part)), offset + done);
      }
    }
  } finally {
    sys(SYS.munmap, start, size);
  }
}

/** Small: fresh memory costs more than calls. */
const CHUNK = 256 * 1024;
const buffer = new Memory(CHUNK);
