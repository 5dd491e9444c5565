// getrlimit(2)
import { RLIMIT, rlimit, SYS } from '@criu-ts/kernel/abi';
import { readLimits } from '@criu-ts/kernel/procfs';
import { ImageCorrupt } from '../../errors.js';
import type { ProcessFacet } from '../facets.js';
import { inherited } from './blank-task.js';
import { readTaskCore, taskCoreOf } from './core-images.js';

export const rlimits: ProcessFacet = {
  name: 'resource limits',
  capture(task, core) {
    // prlimit(2) on a process of another user would need CAP_SYS_RESOURCE.
    const limits = readLimits(task.pid).sort((a, b) => a.resource - b.resource);
    taskCoreOf(core).rlimits = { rlimits: limits.map(({ soft, hard }) => ({ cur: soft, max: hard })) };
  },
  restore: [
    {
      phase: 'last',
      because: 'files, memory and signals of the restore must not run into them; raising a hard limit needs CAP_SYS_RESOURCE',
      run(process, batch, at) {
        const wanted = readTaskCore(process.core).rlimits?.rlimits ?? [];
        for (const { resource, name, soft, hard } of inherited('limits', process.puppet, at, readLimits)) {
          const limit = wanted[resource];
          // CRIU knew fewer of them once.
          if (limit === undefined) continue;
          // Who has high descriptors was allowed them before.
          if (resource !== RLIMIT.NOFILE && limit.cur === soft && limit.max === hard) continue;
          if (limit.cur > limit.max) throw new ImageCorrupt(`RLIMIT_${name} is ${limit.cur}, above its maximum ${limit.max}`);
          const bytes = batch.bytes(rlimit.encode({ rlim_cur: limit.cur, rlim_max: limit.max }));
          batch.doing(`set RLIMIT_${name} from ${amount(soft)}:${amount(hard)} to ${amount(limit.cur)}:${amount(limit.max)}`).call(SYS.prlimit64, 0, resource, bytes, 0);
        }
      },
    },
  ],
};

const amount = (limit: bigint): string => (limit === 0xffff_ffff_ffff_ffffn ? 'unlimited' : String(limit));
