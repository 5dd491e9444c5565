// sigaltstack(2)
import { SS, stack_t, SYS } from '@criu-ts/kernel/abi';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

export const altstack: ThreadFacet = {
  name: 'alternate signal stack',
  capture({ core }, remote) {
    mustCall(remote, SYS.sigaltstack, 0, remote.data);
    const stack = stack_t.decode(remote.read(remote.data, stack_t.size));
    // Whether the thread is on it the kernel tells from the stack pointer, which was ours just now.
    threadCoreOf(core).sas = { ssSp: BigInt(stack.ss_sp), ssSize: BigInt(stack.ss_size), ssFlags: (stack.ss_flags & ~SS.ONSTACK) >>> 0 };
  },
  restore: [
    {
      phase: 'late',
      because: 'a batch has a stack of its own; the address must not be taken before memory stands',
      run({ core }, batch) {
        const { sas } = readThreadCore(core);
        if (sas === undefined || (sas.ssFlags & SS.DISABLE) !== 0) return;
        const stack = stack_t.encode({ ss_sp: Number(sas.ssSp), ss_flags: (sas.ssFlags & ~SS.ONSTACK) | 0, ss_size: Number(sas.ssSize) });
        batch.doing('set the alternate signal stack').call(SYS.sigaltstack, batch.bytes(stack), 0);
      },
    },
  ],
};
