// What CRIU writes of a program and what we capture of it, field by field. CRIU=/path/to/criu
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type core_entry, IMAGE_TYPES } from '@criu-ts/images';
import { openImageSet } from '@criu-ts/images/node';
import { SYS } from '@criu-ts/kernel/abi';
import { readStatus } from '@criu-ts/kernel/procfs';
import { FrozenTree } from '@criu-ts/tracee';
import { EVERYTHING, TIMERS, USERS } from './testing/programs.js';
import { meantPersonality } from './personality.js';
import { capture, inspect, TestDump, Victim, whyNoVictims } from './testing/victims.js';

const criu = process.env['CRIU'];
const skip = whyNoVictims() ?? (criu === undefined ? 'no CRIU given' : false);

/** Without it CRIU can't ask for the limits of a process of another user. */
const CAP_SYS_RESOURCE = 1n << 24n;
const limited = (readStatus('self').capEff & CAP_SYS_RESOURCE) === 0n ? 'CRIU needs CAP_SYS_RESOURCE for it' : false;

for (const [name, source, without] of [
  ['signals, limits, scheduling and the like', EVERYTHING, false],
  ['credentials that differ between threads', USERS, limited],
  ['timers', TIMERS, false],
] as const) {
  t.test(`as CRIU has it: ${name}`, { skip: skip || without }, (t) => {
    using victim = new Victim('program', source);
    victim.untilBlockedIn([SYS.pause], 2);
    const theirs = dumpByCriu(victim.pid);
    using tree = FrozenTree.freeze(victim.pid, { timeout: 5000 });
    const task = inspect(victim.pid, tree);
    capture(task, new TestDump());
    for (const { tid, core } of task.threads) t.same(comparable(core), comparable(theirs.get(BigInt(tid)) as core_entry), `thread ${tid}`);
    t.end();
  });
}

function dumpByCriu(pid: number): Map<bigint, core_entry> {
  const images = mkdtempSync(path.join(tmpdir(), 'criu-ts-interop-'));
  try {
    execFileSync(criu as string, ['dump', '-t', String(pid), '-D', images, '--leave-running', '--shell-job', '-o', 'dump.log'], { stdio: 'inherit' });
    const set = openImageSet(images);
    return new Map(set.ids(IMAGE_TYPES.core).map((id) => [id, set.readOne(IMAGE_TYPES.core, id)]));
  } finally {
    rmSync(images, { recursive: true });
  }
}

/** Without what is ours alone, what others capture (registers, cgroups), and time that passes. */
function comparable({ tc, threadCore, threadInfo }: core_entry): unknown {
  const { coredumpFilter, ...process } = tc ?? {};
  const { cpuAffinity, ioprio, timerSlackNs, schedRuntime, tscMode, cgSet, ...thread } = threadCore ?? {};
  const posix = tc?.timers?.posix.map((timer) => ({ ...timer, vsec: 0n, vnsec: 0n }));
  const timers = tc?.timers && Object.fromEntries(Object.entries({ ...tc.timers, posix: {} }).map(([kind, timer]) => [kind, { ...timer, vsec: 0n, vusec: 0n }]));
  return { tc: tc && { ...process, personality: meantPersonality(tc.personality), timers, posix }, thread, clearTidAddr: threadInfo?.clearTidAddr };
}
