// io_uring_register(2), IORING_REGISTER_RING_FDS: a thread may call a ring by a number of its own.
import { IORING_ENTER, SYS } from '@criu-ts/kernel/abi';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import { Unsupported } from '../../errors.js';
import { ringHolders } from '../../files/io-uring-ring.js';
import type { ThreadFacet } from '../facets.js';

/** IO_RINGFD_REG_MAX */
const NUMBERS = 16;
const EBADF = -9;

export const registeredRings: ThreadFacet = {
  name: 'registered ring descriptors',
  capture(thread, remote, at) {
    if (ringHolders(at).has(thread.task.pid) && anyRing(remote)) {
      throw new Unsupported('thread', 'it has registered the descriptor of an io_uring, which is not supported', { object: `thread ${thread.tid}`, hint: 'start the program with io_uring turned off' });
    }
  },
  restore: [],
};

/** Entering such a ring for nothing: EBADF where there is none of that number, EINVAL where the thread never used one. */
function anyRing(remote: RemoteSyscalls): boolean {
  for (let number = 0; number < NUMBERS; number++) {
    const result = remote.call(SYS.io_uring_enter, number, 0, 0, IORING_ENTER.REGISTERED_RING, 0, 0);
    if (result !== EBADF) return result >= 0;
  }
  return false;
}
