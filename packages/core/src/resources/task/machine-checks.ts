// prctl(2) PR_MCE_KILL
import { PR, SYS } from '@criu-ts/kernel/abi';
import type { ThreadFacet } from '../facets.js';
import { readTaskCore } from './core-images.js';

/** Of the flags in /proc/PID/stat (include/linux/sched.h), which images keep for a process. */
const PF_MCE_PROCESS = 0x80;
const PF_MCE_EARLY = 0x800_0000;

/** What happens to a thread whose memory turns out to be broken. The images have one policy for all threads of a process. */
export const machineChecks: ThreadFacet = {
  name: 'machine check policy',
  capture() {
    // It comes with the process's flags.
  },
  restore: [
    {
      phase: 'late',
      because: 'together with the rest; at any time',
      run({ task }, batch) {
        const { flags } = readTaskCore(task.core);
        const policy = (flags & PF_MCE_EARLY) !== 0 ? PR.MCE_KILL_EARLY : PR.MCE_KILL_LATE;
        if ((flags & PF_MCE_PROCESS) !== 0) batch.doing('set the machine check policy').call(SYS.prctl, PR.MCE_KILL, PR.MCE_KILL_SET, policy, 0, 0);
        else batch.doing('have no machine check policy').call(SYS.prctl, PR.MCE_KILL, PR.MCE_KILL_CLEAR, 0, 0, 0);
      },
    },
  ],
};
