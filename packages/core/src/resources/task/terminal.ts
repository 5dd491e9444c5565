import { O, SYS, TTY } from '@criu-ts/kernel/abi';
import { type ProcStat, readStat } from '@criu-ts/kernel/procfs';
import type { ProcessFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';

/**
 * Controlling terminals belong to sessions and are inherited; a process may do without (TIOCNOTTY), or have been born
 * before there was one. CRIU's images can't tell.
 */
export const noTerminal: ProcessFacet = {
  name: 'no controlling terminal',
  capture({ stat }, core) {
    if (stat.ttyNr === 0 && stat.session !== stat.pid && (statOf(stat.session)?.ttyNr ?? 0) !== 0) taskCoreOf(core).noTerminal = true;
  },
  restore: [
    {
      phase: 'early',
      because: 'all it needs is /dev/tty, where we know it',
      run(process, batch) {
        if (readTaskCore(process.core).noTerminal !== true) return;
        batch.doing('give the controlling terminal up');
        const tty = batch.call(SYS.open, batch.string('/dev/tty'), O.RDWR, 0);
        batch.call(SYS.ioctl, tty, TTY.IOCNOTTY);
        batch.call(SYS.close, tty);
      },
    },
  ],
};

/** undefined: the session's leader is gone. */
function statOf(pid: number): ProcStat | undefined {
  try {
    return readStat(pid);
  } catch {
    return undefined;
  }
}
