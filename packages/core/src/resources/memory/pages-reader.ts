import { IMAGE_TYPES, type pagemap_entry, type pagemap_head, type ImageSet, type ImageType } from '@criu-ts/images';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import { PAGE, PE } from './vma-status.js';

/** A run of pages in the images. */
export interface StoredRun {
  readonly address: number;
  readonly length: number;
  /** In the file of pages. */
  readonly offset: number;
}

export interface StoredPages {
  readonly pagesId: number;
  readonly runs: readonly StoredRun[];
}

/** Runs of a process's own pages, or (`shmemPagemap`) of a shared memory object; none where there is no such image. */
export function readPagemap(images: ImageSet, type: typeof IMAGE_TYPES.pagemap | typeof IMAGE_TYPES.shmemPagemap, id: number | bigint): StoredPages {
  const [head, ...entries] = images.readIfPresent(type as ImageType<pagemap_head | pagemap_entry>, id) as [pagemap_head | undefined, ...pagemap_entry[]];
  if (head === undefined) return { pagesId: 0, runs: [] };
  const runs: StoredRun[] = [];
  let offset = 0;
  for (const { vaddr, compatNrPages, nrPages, flags, inParent } of entries) {
    const address = Number(vaddr);
    const length = Number(nrPages ?? BigInt(compatNrPages)) * PAGE;
    if (inParent === true || ((flags ?? PE.PRESENT) & PE.PARENT) !== 0) throw new Unsupported('image', 'pages in parent images are not supported yet', { object: type.pattern.replace('%lu', String(id)) });
    if (address % PAGE !== 0 || length <= 0) throw new ImageCorrupt(`a run of ${length} bytes at 0x${vaddr.toString(16)}`, { object: type.pattern.replace('%lu', String(id)) });
    const last = runs.at(-1);
    if (last !== undefined && last.address + last.length === address) runs[runs.length - 1] = { ...last, length: last.length + length };
    else runs.push({ address, length, offset });
    offset += length;
  }
  return { pagesId: head.pagesId, runs };
}
