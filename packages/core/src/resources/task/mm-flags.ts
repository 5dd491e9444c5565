// prctl(2) PR_SET_DUMPABLE, PR_SET_THP_DISABLE, PR_SET_MDWE
import { PR, SYS } from '@criu-ts/kernel/abi';
import type { ProcessFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';

export const transparentHugePages: ProcessFacet = {
  name: 'transparent huge pages',
  capture() {
    // It comes with the rest of mm_entry.
  },
  restore: [
    {
      phase: 'early',
      because: 'it decides what memory is filled with; a puppet has inherited ours',
      run({ mm }, batch) {
        batch.doing('allow or forbid huge pages').call(SYS.prctl, PR.SET_THP_DISABLE, mm.thpDisabled === true ? 1 : 0, 0, 0, 0);
      },
    },
  ],
};

/** Memory that may be written is never to be executed (PR_SET_MDWE, Linux 6.3). CRIU's images can't tell. */
export const denyWriteExecute: ProcessFacet = {
  name: 'deny write and execute',
  capture(_task, core, remote) {
    // EINVAL: an older kernel.
    const bits = remote.call(SYS.prctl, PR.GET_MDWE, 0, 0, 0, 0);
    if (bits > 0) taskCoreOf(core).mdwe = bits;
  },
  restore: [
    {
      phase: 'arm',
      because: 'our own code is executed until then; it can not be taken back',
      run({ core }, batch) {
        const { mdwe } = readTaskCore(core);
        if (mdwe !== undefined) batch.doing('deny memory that is written and executed').call(SYS.prctl, PR.SET_MDWE, mdwe, 0, 0, 0);
      },
    },
  ],
};

export const dumpable: ProcessFacet = {
  name: 'dumpable',
  capture() {
    // It comes with the rest of mm_entry.
  },
  restore: [
    {
      phase: 'arm',
      because: 'a change of credentials resets it',
      run({ mm, name }, batch, at) {
        if (mm.dumpable === 0 || mm.dumpable === 1) batch.doing('set dumpable').call(SYS.prctl, PR.SET_DUMPABLE, mm.dumpable, 0, 0, 0);
        else if (mm.dumpable !== undefined) {
          // 2 (only root may read a core) can't be asked for: the kernel sets it where fs.suid_dumpable is 2.
          at.emit({ type: 'warning', task: name, text: `dumpable was ${mm.dumpable}, which can't be set: it becomes 0` });
          batch.doing('set dumpable').call(SYS.prctl, PR.SET_DUMPABLE, 0, 0, 0, 0);
        }
      },
    },
  ],
};
