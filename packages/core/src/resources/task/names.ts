// prctl(2) PR_SET_NAME, PR_SET_PDEATHSIG; personality(2)
import { PR, SYS } from '@criu-ts/kernel/abi';
import { readPersonality } from '@criu-ts/kernel/procfs';
import type { ProcessFacet, ThreadFacet } from '../facets.js';
import { readTaskCore, readThreadCore, taskCoreOf, threadCoreOf } from './core-images.js';
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

/** CRIU keeps one for all threads. */
export const personality: ProcessFacet = {
  name: 'personality',
  capture(task, core) {
    taskCoreOf(core).personality = readPersonality(task.pid);
  },
  restore: [],
};

/** The kernel keeps it per thread, and threads are there already. */
export const threadPersonality: ThreadFacet = {
  name: 'personality',
  capture() {
    // The process's facet has done it.
  },
  restore: [
    {
      phase: 'late',
      because: 'READ_IMPLIES_EXEC would change what mmap does',
      run({ task }, batch) {
        batch.doing('set the personality').call(SYS.personality, readTaskCore(task.core).personality);
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
