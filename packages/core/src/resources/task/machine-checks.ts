// prctl(2) PR_MCE_KILL, PR_SET_IO_FLUSHER: what /proc/PID/stat shows among a task's flags
import { CAP, PR, SYS } from '@criu-ts/kernel/abi';
import { HostLacks } from '../../errors.js';
import type { ThreadFacet } from '../facets.js';
import { blankStatus } from './blank-task.js';
import { readTaskCore } from './core-images.js';

/** Of the flags in /proc/PID/stat (include/linux/sched.h), which images keep for a process. */
const PF_MCE_PROCESS = 0x80;
const PF_MCE_EARLY = 0x800_0000;
/** PF_MEMALLOC_NOIO, PF_LOCAL_THROTTLE (kernel/sys.c, PR_IO_FLUSHER) */
const PF_IO_FLUSHER = 0x8_0000 | 0x10_0000;

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

/** Serves a disk itself (FUSE, iSCSI): its memory is never got by writing to that. The images have one for all threads. */
export const ioFlusher: ThreadFacet = {
  name: 'I/O flusher',
  capture() {
    // It comes with the process's flags.
  },
  restore: [
    {
      phase: 'late',
      because: 'it needs a capability',
      run({ task }, batch, at) {
        if ((readTaskCore(task.core).flags & PF_IO_FLUSHER) !== PF_IO_FLUSHER) return;
        if ((blankStatus(task.puppet, at).capEff & (1n << BigInt(CAP.SYS_RESOURCE))) === 0n) {
          throw new HostLacks('capability', 'it can not be made an I/O flusher again', { task: task.name, why: 'PR_SET_IO_FLUSHER needs CAP_SYS_RESOURCE', hint: 'restore it with that capability' });
        }
        batch.doing('be an I/O flusher').call(SYS.prctl, PR.SET_IO_FLUSHER, 1, 0, 0, 0);
      },
    },
  ],
};
