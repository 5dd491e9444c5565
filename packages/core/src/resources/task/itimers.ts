// getitimer(2), setitimer(2)
import type { itimer_entry, task_timers_entry } from '@criu-ts/images';
import { ITIMER, itimerval, SYS } from '@criu-ts/kernel/abi';
import type { ProcessFacet } from '../facets.js';
import { readTaskCore, taskCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

const KINDS = [
  { field: 'real', which: ITIMER.REAL },
  { field: 'virt', which: ITIMER.VIRTUAL },
  { field: 'prof', which: ITIMER.PROF },
] as const;

export const itimers: ProcessFacet = {
  name: 'interval timers',
  capture(_task, core, remote) {
    KINDS.forEach(({ which }, i) => mustCall(remote, SYS.getitimer, which, remote.data + i * itimerval.size));
    const bytes = remote.read(remote.data, KINDS.length * itimerval.size);
    const [real, virt, prof] = KINDS.map((_, i) => encode(bytes, i)) as [itimer_entry, itimer_entry, itimer_entry];
    taskCoreOf(core).timers = { posix: [], ...taskCoreOf(core).timers, real, virt, prof };
  },
  restore: [
    {
      phase: 'arm',
      because: 'they run from now on',
      run(process, batch) {
        const { timers } = readTaskCore(process.core);
        for (const { field, which } of KINDS) {
          const value = timers && toArm(timers[field]);
          if (value !== undefined) batch.doing(`arm the ${field} interval timer`).call(SYS.setitimer, which, batch.bytes(value), 0);
        }
      },
    },
  ],
};

function encode(bytes: Uint8Array, index: number): itimer_entry {
  const { it_interval, it_value } = itimerval.decode(bytes, index * itimerval.size);
  return { isec: it_interval.tv_sec, iusec: it_interval.tv_usec, vsec: it_value.tv_sec, vusec: it_value.tv_usec };
}

/** struct itimerval; undefined: not armed. With an interval but nothing left it is about to go off: armed with the interval, as CRIU does. */
export function toArm({ isec, iusec, vsec, vusec }: task_timers_entry['real']): Uint8Array | undefined {
  if (isec === 0n && iusec === 0n && vsec === 0n && vusec === 0n) return undefined;
  const it_interval = { tv_sec: isec, tv_usec: iusec };
  const it_value = vsec === 0n && vusec === 0n ? it_interval : { tv_sec: vsec, tv_usec: vusec };
  return itimerval.encode({ it_interval, it_value });
}
