// prctl(2) PR_SET_NAME, PR_SET_PDEATHSIG
import { PR, SYS } from '@criu-ts/kernel/abi';
import type { ThreadFacet } from '../facets.js';
import { readThreadCore, threadCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

/** The thread's name; the main thread's is the process's. */
export const comm: ThreadFacet = {
  name: 'name',
  capture({ core, status }) {
    threadCoreOf(core).comm = status.name;
    if (core.tc !== undefined) core.tc.comm = status.name;
  },
  restore: [
    {
      phase: 'late',
      because: 'PR_SET_MM comes with memory',
      run({ core }, batch) {
        const name = readThreadCore(core).comm ?? core.tc?.comm;
        if (name !== undefined) batch.doing('set the name').call(SYS.prctl, PR.SET_NAME, batch.string(name));
      },
    },
  ],
};

export const parentDeathSignal: ThreadFacet = {
  name: 'parent death signal',
  capture({ core }, remote) {
    mustCall(remote, SYS.prctl, PR.GET_PDEATHSIG, remote.data);
    const signal = remote.read(remote.data, 4)[0] as number;
    if (signal !== 0) threadCoreOf(core).pdeathSig = signal;
  },
  restore: [
    {
      phase: 'arm',
      because: 'a change of credentials clears it; the first puppet has SIGKILL until now',
      run({ core }, batch) {
        batch.doing('set the parent death signal').call(SYS.prctl, PR.SET_PDEATHSIG, readThreadCore(core).pdeathSig ?? 0);
      },
    },
  ],
};
