import { fd_types } from '../../gen/fdinfo.js';
import type { vma_entry } from '../../gen/vma.js';
import type { ImageSet } from '../../image-set.js';
import { IMAGE_TYPES } from '../../image-types.js';
import { readPagemap } from '../../pagemap/pagemap.js';
import { openFileNames } from './file-names.js';
import type { FileNames } from './file-names.js';
import { VMA, address } from '../../memory/vma-bits.js';

const PAGE_SHIFT = 12n;

/** Each process with its runs of dumped pages, and the mappings that each run lies in. */
export function* listPages(set: ImageSet): Generator<string> {
  const names = openFileNames(set);
  for (const { pid } of set.read(IMAGE_TYPES.pstree)) {
    yield `${pid}`;
    // A dead task has no memory.
    if (!set.has(IMAGE_TYPES.mm, pid)) continue;
    const { vmas } = set.readOne(IMAGE_TYPES.mm, pid);
    const pagemap = readPagemap(set, IMAGE_TYPES.pagemap, pid);
    let at = 0;
    let shown = -1;
    for (const [i, start] of pagemap.vaddr.entries()) {
      const pages = pagemap.nrPages[i]!;
      const end = start + (BigInt(pages) << PAGE_SHIFT);
      while (at < vmas.length && vmas[at]!.end <= start) at++;
      let line = `\t${start.toString(16)} / ${String(pages).padEnd(8)}`.padEnd(24);
      // A mapping that the run before lay in already is told by '~'.
      for (; at < vmas.length && vmas[at]!.start < end; at++) {
        line += at === shown ? ' ~' : mapping(vmas[at]!, names);
        line += `\n\t${' '.repeat(23)}`;
        shown = at;
      }
      // The next run may lie in the last of these mappings, too.
      at = Math.max(0, at - 1);
      yield line;
    }
  }
}

function mapping(vma: vma_entry, names: FileNames): string {
  const pages = String((vma.end - vma.start) >> PAGE_SHIFT).padEnd(8);
  const file = vma.status & (VMA.filePrivate | VMA.fileShared) ? ` ${names.nameOf(fd_types.REG, Number(vma.shmid))}` : '';
  return ` ${address(vma.start)} / ${pages}${file}`;
}
