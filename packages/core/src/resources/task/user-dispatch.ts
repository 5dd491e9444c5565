// prctl(2) PR_SET_SYSCALL_USER_DISPATCH; Documentation/admin-guide/syscall-user-dispatch.rst
import { PTRACE, ptrace_sud_config } from '@criu-ts/kernel/abi';
import { Memory, tryPtrace } from '@criu-ts/kernel/sys';
import { Unsupported } from '../../errors.js';
import type { ThreadFacet } from '../facets.js';

const config = new Memory(ptrace_sud_config.size);

/** A thread whose system calls come back to it as SIGSYS, as Wine's do: so would those that we make in it. */
export const userDispatch: ThreadFacet = {
  name: 'syscall user dispatch',
  judge({ tid, task }, at) {
    // Nothing but ptrace tells, and a kernel before 6.4 tells nobody.
    if (at.running === true || tryPtrace(PTRACE.GET_SYSCALL_USER_DISPATCH_CONFIG, tid, config.size, config.address) < 0) return;
    if (ptrace_sud_config.read(config.view, 0).mode === 0n) return;
    throw new Unsupported('thread', 'syscall user dispatch is not supported', {
      object: `thread ${tid}`,
      task: task.name,
      why: 'system calls that are made in it for the dump would be handed to the program',
      hint: 'dump it when that is off; Wine uses it for Windows programs that make system calls of their own',
    });
  },
  capture() {
    // Nothing to keep.
  },
  restore: [],
};
