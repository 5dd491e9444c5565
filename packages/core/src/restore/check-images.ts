// What a decoder can't see: values that fit the format, and can't be.
import type { mm_entry, pstree_entry } from '@criu-ts/images';
import { ImageCorrupt } from '../errors.js';
import { PAGE, TASK_SIZE, VMA } from '../resources/memory/vma-status.js';

const ADDRESSES = ['mmStartCode', 'mmEndCode', 'mmStartData', 'mmEndData', 'mmStartStack', 'mmStartBrk', 'mmBrk', 'mmArgStart', 'mmArgEnd', 'mmEnvStart', 'mmEnvEnd'] as const;

/** The main thread has the number of the process, and no thread is there twice. @throws ImageCorrupt */
export function checkThreads({ pid, threads }: pstree_entry): void {
  if (!threads.includes(pid)) throw new ImageCorrupt(`process ${pid} has no main thread`, { object: 'pstree.img' });
  if (new Set(threads).size !== threads.length) throw new ImageCorrupt(`process ${pid} has a thread twice`, { object: 'pstree.img' });
}

/** Everything lies in the user's half of the address space, mappings on pages and one behind the other. @throws ImageCorrupt */
export function checkAddresses(mm: mm_entry, pid: number): void {
  const object = `mm-${pid}.img`;
  let last = 0;
  for (const vma of mm.vmas) {
    // The kernel's, the same in every process; and guards, which lie in mappings.
    if (vma.status & (VMA.VSYSCALL | VMA.GUARD)) continue;
    // What is beyond exact numbers is beyond TASK_SIZE.
    const start = Number(vma.start);
    const end = Number(vma.end);
    if (start < last || end <= start || end > TASK_SIZE || start % PAGE !== 0 || end % PAGE !== 0) throw new ImageCorrupt(`the mapping ${vma.start.toString(16)}-${vma.end.toString(16)} can't be`, { object });
    last = end;
  }
  for (const name of ADDRESSES) if (mm[name] > BigInt(TASK_SIZE)) throw new ImageCorrupt(`${name} is 0x${mm[name].toString(16)}, which is no user address`, { object });
}
