// set_tid_address(2), prctl(2) PR_GET_TID_ADDRESS
import { PR, SYS } from '@criu-ts/kernel/abi';
import { Bug } from '../../errors.js';
import type { ThreadFacet } from '../facets.js';
import { mustCall } from './remote-call.js';

/** Where the kernel writes 0 and wakes a futex when the thread ends: how pthread_join learns of it. */
export const tidAddress: ThreadFacet = {
  name: 'clear_child_tid',
  capture({ core }, remote) {
    if (core.threadInfo === undefined) throw new Bug('the image of a thread has no thread_info');
    mustCall(remote, SYS.prctl, PR.GET_TID_ADDRESS, remote.data);
    const bytes = remote.read(remote.data, 8);
    core.threadInfo.clearTidAddr = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  },
  restore: [
    {
      phase: 'late',
      because: 'it points into memory',
      run({ core }, batch) {
        const address = core.threadInfo?.clearTidAddr ?? 0n;
        if (address !== 0n) batch.doing('set the address of the thread id').call(SYS.set_tid_address, address);
      },
    },
  ],
};
