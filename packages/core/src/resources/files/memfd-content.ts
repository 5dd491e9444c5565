import { IMAGE_TYPES, type memfd_inode_entry, type pagemap_entry, type pagemap_head, RAW_IMAGE_TYPES } from '@criu-ts/images';
import { SYS } from '@criu-ts/kernel/abi';
import { Memory, type OwnedFd, sys } from '@criu-ts/kernel/sys';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import type { FileRestoreContext } from '../file-kind.js';

const PAGE = 4096;
const buffer = new Memory(1024 * 1024);

/** Makes the empty file what pagemap-shmem-SHMID.img says: its size, its pages; what has no page is a hole. */
export function fillSharedMemory(fd: OwnedFd, { size, shmid }: memfd_inode_entry, at: FileRestoreContext): void {
  sys(SYS.ftruncate, fd.number, size);
  const [head, ...entries] = at.images.readIfPresent(IMAGE_TYPES.shmemPagemap, shmid);
  if (head === undefined) return;
  using pages = at.images.source(RAW_IMAGE_TYPES.pages, (head as pagemap_head).pagesId);
  let offset = 0;
  for (const entry of entries as pagemap_entry[]) {
    if (entry.inParent === true || ((entry.flags ?? PRESENT) & PRESENT) === 0) throw new Unsupported('image', 'memory in a parent image is not supported yet', { object: `pagemap-shmem-${shmid}.img` });
    const length = Number(entry.nrPages ?? BigInt(entry.compatNrPages)) * PAGE;
    const end = Number(entry.vaddr) + length;
    for (let done = 0; done < length; ) {
      const bytes = pages.read(offset + done, Math.min(buffer.size, length - done));
      if (bytes.length === 0) throw new ImageCorrupt(`pages-${(head as pagemap_head).pagesId}.img ends early`);
      buffer.bytes.set(bytes);
      for (let wrote = 0; wrote < bytes.length; ) wrote += sys(SYS.pwrite64, fd.number, buffer.address + wrote, bytes.length - wrote, Number(entry.vaddr) + done + wrote);
      done += bytes.length;
    }
    offset += length;
    // The last page may reach beyond the end of the file.
    if (end > Number(size)) sys(SYS.ftruncate, fd.number, size);
  }
}

/** PE_PRESENT of pagemap_entry.flags; images of old versions have no flags. */
const PRESENT = 4;
