// prctl(2) PR_SET_DUMPABLE, PR_SET_THP_DISABLE, PR_SET_MDWE, PR_SET_MEMORY_MERGE; mlockall(2)
import type { mm_entry } from '@criu-ts/images';
import { MADV, PR, SYS } from '@criu-ts/kernel/abi';
import type { Batch } from '@criu-ts/tracee';
import type { ProcessFacet } from '../facets.js';
import { VMA } from '../memory/vma-status.js';
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
        allowHugePages(batch, mm);
      },
    },
  ],
};

/** As its image says. */
export function allowHugePages(batch: Batch, mm: mm_entry): void {
  const disabled = mm.thpDisabled === true;
  batch.doing('allow or forbid huge pages').call(SYS.prctl, PR.SET_THP_DISABLE, disabled ? 1 : 0, disabled ? (mm.thpDisableFlags ?? 0) : 0, 0, 0);
}

/** The kernel looks for equal pages in all of its memory (KSM), but where madvise(2) says otherwise. */
export const memoryMerge: ProcessFacet = {
  name: 'memory merging',
  capture() {
    // It comes with the rest of mm_entry.
  },
  restore: [
    {
      phase: 'early',
      because: 'a puppet has inherited ours, and mappings are made by it',
      run(_process, batch) {
        // EINVAL: an older kernel, or one without KSM.
        batch.doing('not merge memory').attempt(SYS.prctl, PR.SET_MEMORY_MERGE, 0, 0, 0, 0);
      },
    },
    {
      phase: 'late',
      because: 'it changes all mappings that are there: those that are to be left alone are told so after it',
      run({ mm }, batch) {
        if (mm.memoryMerge !== true) return;
        batch.doing('merge memory').call(SYS.prctl, PR.SET_MEMORY_MERGE, 1, 0, 0, 0);
        for (const { start, end, madv, status } of mm.vmas) {
          const unmerged = ((madv ?? 0n) & (1n << BigInt(MADV.MERGEABLE))) === 0n && (status & VMA.ANON_PRIVATE) !== 0;
          if (unmerged) batch.attempt(SYS.madvise, start, end - start, MADV.UNMERGEABLE);
        }
      },
    },
  ],
};

/** Every mapping that it will make is locked into memory (MCL_FUTURE). */
export const lockFuture: ProcessFacet = {
  name: 'locking of future memory',
  capture() {
    // It comes with the rest of mm_entry.
  },
  restore: [
    {
      phase: 'late',
      because: 'the mappings that are there have their own locks',
      run({ mm }, batch) {
        if ((mm.lockFuture ?? 0) !== 0) batch.doing('lock future memory').call(SYS.mlockall, mm.lockFuture ?? 0);
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
