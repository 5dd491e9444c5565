import { fd_types } from '../../gen/fdinfo.js';
import type { vma_entry } from '../../gen/vma.js';
import type { ImageSet } from '../../image-set.js';
import { IMAGE_TYPES } from '../../image-types.js';
import { openFileNames } from './file-names.js';
import type { FileNames } from './file-names.js';
import { MAP_GROWSDOWN, PROT, VMA, address } from '../../memory/vma-bits.js';

/** Each process with its executable and its mappings. */
export function* listMappings(set: ImageSet): Generator<string> {
  const names = openFileNames(set);
  // Shared memory has large numbers of its own; a listing counts them from one.
  const shared = new Map<bigint, number>();
  const numberOf = (id: bigint): string => {
    if (!shared.has(id)) shared.set(id, shared.size + 1);
    return shared.get(id)!.toString(16);
  };
  for (const { pid } of set.read(IMAGE_TYPES.pstree)) {
    yield `${pid}`;
    // A dead task has no memory.
    if (!set.has(IMAGE_TYPES.mm, pid)) continue;
    const mm = set.readOne(IMAGE_TYPES.mm, pid);
    yield row('exe', '   ', ` ${names.nameOf(fd_types.REG, mm.exeFileId)}`);
    for (const vma of mm.vmas) {
      const ends = `${address(vma.start)}-${address(vma.end)}`;
      const unused = (vma.status & VMA.regular) === 0 ? ' *' : '';
      yield row(ends, protection(vma.prot), `${what(vma, names, numberOf)}${unused}`);
    }
  }
}

const row = (name: string, prot: string, what: string): string => `\t${name.padEnd(36)}${prot}${what}`;

const protection = (prot: number): string => `${prot & PROT.read ? 'r' : '-'}${prot & PROT.write ? 'w' : '-'}${prot & PROT.exec ? 'x' : '-'}`;

function what(vma: vma_entry, names: FileNames, numberOf: (id: bigint) => string): string {
  const { status } = vma;
  if (status & VMA.sysvIpc) return ` ips[${numberOf(vma.shmid)}]`;
  if (status & VMA.anonShared) return ` shmem[${numberOf(vma.shmid)}]`;
  if (status & VMA.socket) return ` packet[${numberOf(vma.shmid)}]`;
  if (status & (VMA.filePrivate | VMA.fileShared)) {
    const offset = vma.pgoff === 0n ? '' : ` + 0x${vma.pgoff.toString(16)}`;
    return ` ${names.nameOf(fd_types.REG, Number(vma.shmid))}${offset}${status & VMA.fileShared ? ' (s)' : ''}`;
  }
  if (status & VMA.stack) return ' [stack]';
  if (status & VMA.vsyscall) return ' [vsyscall]';
  if (status & VMA.vdso) return ' [vdso]';
  return vma.flags & MAP_GROWSDOWN ? ' [stack?]' : '';
}
