// membarrier(2)
import { MEMBARRIER, SYS } from '@criu-ts/kernel/abi';
import type { RemoteSyscalls } from '@criu-ts/tracee';
import type { ProcessFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';

/** MEMBARRIER_CMD_GET_REGISTRATIONS, since 6.3. */
const GET_REGISTRATIONS = 512;

/** Before 6.3: who is not registered gets EPERM. That for GLOBAL_EXPEDITED shows in no way. */
const REGISTRATION_OF = [
  { command: MEMBARRIER.PRIVATE_EXPEDITED, registration: MEMBARRIER.REGISTER_PRIVATE_EXPEDITED },
  { command: MEMBARRIER.PRIVATE_EXPEDITED_SYNC_CORE, registration: MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_SYNC_CORE },
  { command: MEMBARRIER.PRIVATE_EXPEDITED_RSEQ, registration: MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_RSEQ },
] as const;

export const membarrier: ProcessFacet = {
  name: 'membarrier registrations',
  capture(_task, core, remote) {
    const mask = registrations(remote);
    if (mask !== 0) taskCoreOf(core).membarrierRegistrationMask = mask;
  },
  restore: [
    {
      phase: 'early',
      because: 'with a second thread each would wait until all CPUs have gone through the scheduler: 10 ms (synchronize_rcu)',
      run(process, batch) {
        const mask = readTaskCore(process.core).membarrierRegistrationMask ?? 0;
        for (let bit = 1; bit <= mask; bit *= 2) if ((mask & bit) !== 0) batch.doing(`register for membarrier command ${bit}`).call(SYS.membarrier, bit, 0, 0);
      },
    },
  ],
};

function registrations(remote: RemoteSyscalls): number {
  const mask = remote.call(SYS.membarrier, GET_REGISTRATIONS, 0, 0);
  if (mask >= 0) return mask;
  return REGISTRATION_OF.reduce((sum, { command, registration }) => sum | (remote.call(SYS.membarrier, command, 0, 0) === 0 ? registration : 0), 0);
}
