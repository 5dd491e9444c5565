import t from 'tap';
import type { core_entry, task_timers_entry } from '@criu-ts/images';
import { SYS } from '@criu-ts/kernel/abi';
import { FrozenTree } from '@criu-ts/tracee';
import { toArm as itimerToArm } from './itimers.js';
import { toArm as posixTimerToArm } from './posix-timers.js';
import { TIMERS } from './testing/programs.js';
import { capture, Copy, inspect, TestDump, Victim, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims() ?? false;

for (const [name, entry, value] of [
  ['not armed', { isec: 0n, iusec: 0n, vsec: 0n, vusec: 0n }, undefined],
  ['an interval but nothing left: armed with the interval', { isec: 3n, iusec: 4n, vsec: 0n, vusec: 0n }, [3n, 4n, 3n, 4n]],
  ['once', { isec: 0n, iusec: 0n, vsec: 1n, vusec: 2n }, [0n, 0n, 1n, 2n]],
] as const) {
  const words = (bytes: Uint8Array | undefined): bigint[] | undefined => bytes && [...new BigInt64Array(bytes.buffer)];
  t.same(words(itimerToArm(entry)), value, `interval timer: ${name}`);
  const posix = { itId: 0, clockId: 0, siSigno: 0, itSigevNotify: 0, sivalPtr: 0n, overrun: 0, isec: entry.isec, insec: entry.iusec, vsec: entry.vsec, vnsec: entry.vusec };
  t.same(words(posixTimerToArm(posix)), value, `POSIX timer: ${name}`);
}

for (const [name, byId] of [
  ['the kernel gives the ids that we want', undefined],
  ['ids are counted', false],
] as const) {
  t.test(`timers of a process, and where ${name}`, { skip }, (t) => {
    let cores: core_entry[];
    let ids: number[];
    {
      using victim = new Victim('timers', TIMERS);
      victim.untilBlockedIn([SYS.pause], 2);
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      const task = inspect(victim.pid, tree);
      capture(task, new TestDump());
      cores = task.threads.map(({ core }) => ({ ...core, threadCore: { ...core.threadCore, rseqEntry: undefined } }) as core_entry);
      ids = task.threads.map(({ tid }) => tid);
    }
    const before = cores[0]?.tc?.timers as task_timers_entry;
    t.same(before.posix.map(({ itId }) => itId), [0, 4, 5, 6, 7]);
    using copy = new Copy();
    if (byId !== undefined) copy.at.shared('timer_create takes ids', () => byId);
    const begin = performance.now();
    copy.restore(cores, { ids });
    const after = copy.recapture(new TestDump()).threads[0]?.core.tc?.timers as task_timers_entry;
    const most = (performance.now() - begin) / 1000;
    t.same(withoutTime(after), withoutTime(before));
    for (const [i, { vsec, vnsec }] of after.posix.entries()) {
      const old = before.posix[i] as (typeof before.posix)[number];
      const passed = Number(old.vsec - vsec) + Number(old.vnsec - vnsec) / 1e9;
      t.ok(passed >= 0 && passed < most, `timer ${old.itId} lost ${passed} s of ${most}`);
    }
    const passed = Number(before.real.vsec - after.real.vsec) + Number(before.real.vusec - after.real.vusec) / 1e6;
    t.ok(passed > 0 && passed < most, `ITIMER_REAL lost ${passed} s of ${most}`);
    t.end();
  });
}

function withoutTime({ posix, ...itimers }: task_timers_entry): unknown {
  return {
    posix: posix.map((timer) => ({ ...timer, vsec: 0n, vnsec: 0n })),
    intervals: Object.values(itimers).map(({ isec, iusec }) => [isec, iusec]),
  };
}
