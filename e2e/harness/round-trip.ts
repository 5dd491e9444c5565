import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { changesByRestore, compareSnapshots, type Allowed } from './proc-compare.js';
import { takeSnapshot, type ProcSnapshot } from './proc-snapshot.js';
import { descendantsOf, stateOf } from './shepherd.js';
import type { Tool } from './tool.js';
import { waitFor } from './wait.js';
import type { Victim } from './victim.js';
import { describeRun, type ToolRun, type Workspace } from './workspace.js';

/** What of a tap test the harness needs. */
export type Assertions = Pick<Test, 'ok' | 'equal' | 'same' | 'fail' | 'comment' | 'match' | 'not' | 'notOk'>;

export interface RoundTripOptions {
  readonly dumpArgs?: readonly string[];
  readonly restoreArgs?: readonly string[];
  /** Restores by another tool than the one that dumps. */
  readonly restoreBy?: Tool;
  /** Differences in /proc that this program has besides those that every restore has. */
  readonly allowed?: readonly Allowed[];
  /** False where the program changes all the while. */
  readonly compareProc?: boolean;
}

/** Was the run a success? Fails the test with the log's end where not. */
export function succeeded(t: Assertions, run: ToolRun, what: string): boolean {
  if (run.code === 0) return t.ok(true, what);
  return t.fail(what, { run: describeRun(run) });
}

/**
 * Dumps the victim, sees that it is gone, restores it, sees that it is back and the same. Returns whether all of it went
 * well; what went wrong has been told to `t`.
 */
export async function roundTrip(t: Assertions, ws: Workspace, tool: Tool, victim: Victim, options: RoundTripOptions = {}): Promise<boolean> {
  const images = ws.folder(`images-${victim.pid}-${imageSets++}`);
  const before = options.compareProc === false ? undefined : takeSnapshot(victim.pid);
  const tree = [victim.pid, ...descendantsOf(victim.pid)];
  if (!succeeded(t, await ws.dump(tool, victim.pid, images, options.dumpArgs), `${tool.name} dumps it`)) return false;
  try {
    await waitFor('the dumped processes to be gone', () => !victim.lives && tree.every((pid) => stateOf(pid) === undefined), 30_000);
  } catch (error) {
    return t.fail((error as Error).message);
  }
  const by = options.restoreBy ?? tool;
  if (!succeeded(t, await ws.restore(by, images, options.restoreArgs), `${by.name} restores it`)) return false;
  if (!t.ok(victim.lives, 'it lives')) return false;
  if (before === undefined) return true;
  return unchanged(t, await differencesFrom(before, victim.pid, [...changesByRestore, ...(options.allowed ?? [])]), '/proc says the same as before');
}

/**
 * What /proc says of a tree against what it said before. A process that is let go has to run for a moment until it is back in
 * its stop or its call, and on a busy machine that takes a while: differences that pass are none.
 */
export async function differencesFrom(before: ProcSnapshot, pid: number, allowed?: readonly Allowed[]): Promise<string[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const differences = compareSnapshots(before, takeSnapshot(pid), allowed);
    if (differences.length === 0 || performance.now() > deadline) return differences;
    await sleep(20);
  }
}

/** Asserts that there are no differences; tells the first ones where there are. */
export function unchanged(t: Assertions, differences: readonly string[], what: string): boolean {
  return differences.length === 0 ? t.ok(true, what) : t.fail(what, { differences: differences.slice(0, 40).join('\n') });
}

let imageSets = 0;
