// A program with all kinds of state is captured, restored into blank puppets, and captured again.
import t from 'tap';
import type { core_entry } from '@criu-ts/images';
import { SYS } from '@criu-ts/kernel/abi';
import { readStatus } from '@criu-ts/kernel/procfs';
import { FrozenTree } from '@criu-ts/tracee';
import { restoreAffinity } from './affinity.js';
import { EVERYTHING, USERS } from './testing/programs.js';
import { SEVERAL_NODES } from './memory-policy.js';
import { capture, Copy, inspect, TestDump, Victim, whyNoVictims } from './testing/victims.js';

const skip = whyNoVictims() ?? false;

/** Everything but what the puppets can't have: their ids in siginfo stay, registers and memory are others. */
function comparable(cores: readonly core_entry[]): unknown {
  return cores.map(({ tc, threadCore, threadInfo }) => ({
    // PF_MCE_PROCESS and PF_MCE_EARLY
    tc: tc && { ...tc, flags: tc.flags & 0x800_0080 },
    threadCore: { ...threadCore, creds: threadCore?.creds && { ...threadCore.creds, groups: [...threadCore.creds.groups] } },
    clearTidAddr: threadInfo?.clearTidAddr,
  }));
}

for (const [name, source] of [
  ['signals, limits, scheduling and the like', EVERYTHING],
  ['credentials that differ between threads', USERS],
] as const) {
  t.test(`captured, restored and captured again: ${name}`, { skip }, (t) => {
    using victim = new Victim('everything', source);
    victim.untilBlockedIn([SYS.pause], 2);
    const dump = new TestDump();
    // Policies are of interest, which hosts with one node don't ask for.
    dump.shared(SEVERAL_NODES, () => true);
    let cores: core_entry[];
    let memory: [number, number][];
    {
      using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
      const task = inspect(victim.pid, tree);
      const calls = capture(task, dump);
      for (const { tid } of task.threads) t.ok((calls.get(tid) ?? 9) <= 7, `thread ${tid} made ${calls.get(tid)} calls`);
      cores = task.threads.map(({ core }) => core);
      // struct rseq and what lies near it
      memory = task.threads.map(({ core }) => [Math.floor(Number(core.threadCore?.rseqEntry?.rseqAbiPointer ?? 0n) / 4096) * 4096, 4096]);
    }
    t.same(dump.problems, []);
    t.equal(readStatus(victim.pid).tracerPid, 0, 'the victim is free again');
    using copy = new Copy();
    copy.restore(cores, { memory: memory.filter(([start], i) => memory.findIndex(([other]) => other === start) === i) });
    copy.puppets.forEach(({ tracee }, i) => restoreAffinity(tracee.tid, cores[i] as core_entry, copy.at));
    // The mask is set by ptrace when registers are.
    copy.puppets.forEach(({ tracee }, i) => tracee.setSigmask(i === 0 ? (cores[0]?.tc?.blkSigset ?? 0n) : (cores[i]?.threadCore?.blkSigset ?? 0n)));
    const again = new TestDump();
    again.shared(SEVERAL_NODES, () => true);
    const task = copy.recapture(again);
    t.same(again.problems, []);
    t.same(comparable(task.threads.map(({ core }) => core)), comparable(cores));
    t.end();
  });
}
