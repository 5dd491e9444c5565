// prctl(2) PR_SET_DUMPABLE, PR_SET_THP_DISABLE
import { PR, SYS } from '@criu-ts/kernel/abi';
import type { ProcessFacet } from '../facets.js';

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
