// get_robust_list(2)
import { SYS } from '@criu-ts/kernel/abi';
import { Memory, sys } from '@criu-ts/kernel/sys';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';

const answer = new Memory(16);

export const robustList: ThreadFacet = {
  name: 'robust futex list',
  capture({ tid, core }) {
    sys(SYS.get_robust_list, tid, answer.address, answer.address + 8);
    const entry = threadCoreOf(core);
    entry.futexRla = answer.view.getBigUint64(0, true);
    entry.futexRlaLen = Number(answer.view.getBigUint64(8, true));
  },
  restore: [
    {
      phase: 'late',
      because: 'the kernel walks it when the thread ends: it must not point into memory of somebody else',
      run({ core }, batch) {
        const { futexRla, futexRlaLen } = readThreadCore(core);
        if (futexRla !== 0n) batch.doing('register the robust futex list').call(SYS.set_robust_list, futexRla, futexRlaLen);
      },
    },
  ],
};
