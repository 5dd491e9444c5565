// modify_ldt(2), ioperm(2)
import { NT, PTRACE, SYS } from '@criu-ts/kernel/abi';
import { Memory, tryPtrace } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { ProcessFacet, ThreadFacet } from '../facets.js';

const READ_LDT = 0;

/** Segments of the process's own: Wine and dosemu make them. Slots for TLS in the GDT come with the registers. */
export const localDescriptors: ProcessFacet = {
  name: 'local descriptor table',
  capture({ name }, _core, remote) {
    // ENOSYS: a kernel without it.
    if (remote.call(SYS.modify_ldt, READ_LDT, remote.data, 64) > 0) throw new Unsupported('task', 'a local descriptor table is not supported', { object: 'LDT', task: name, why: 'it was made by modify_ldt(2)', hint: 'Wine makes one for 16-bit and 32-bit programs; run the 64-bit version' });
  },
  restore: [],
};

const bitmap = new Memory(16 * 1024);
const iovec = new Memory(16);

/** Ports that a thread may use; that all are allowed to it (iopl(2)) shows in no way. */
export const ioPorts: ThreadFacet = {
  name: 'I/O ports',
  judge({ tid, task }, at) {
    if (at.running === true) return;
    iovec.view.setBigUint64(0, BigInt(bitmap.address), true);
    iovec.view.setBigUint64(8, BigInt(bitmap.size), true);
    // ENXIO: it never asked for any.
    if (tryPtrace(PTRACE.GETREGSET, tid, NT['386_IOPERM'], iovec.address) < 0) return;
    throw new Unsupported('thread', 'permission to use I/O ports is not supported', { object: `thread ${tid}`, task: task.name, why: 'it has called ioperm(2)', hint: 'dump it when it has given the ports back' });
  },
  capture() {
    // Nothing to keep.
  },
  restore: [],
};
