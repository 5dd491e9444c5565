import type { Allowed } from '../harness/proc-compare.js';
import type { ProcSnapshot } from '../harness/proc-snapshot.js';
import type { Assertions } from '../harness/round-trip.js';
import { differencesFrom, unchanged } from '../harness/round-trip.js';
import type { Victim } from '../harness/victim.js';
import { waitFor } from '../harness/wait.js';

/** It writes to stdout all the while. */
const allowed: readonly Allowed[] = [{ field: /^fdinfo\/[12]\/pos$/, because: 'it writes on' }];

const beats = (victim: Victim): number => victim.lines().filter((line) => line.startsWith('beat ')).length;

/** /proc says the same as in `before`, it is not stopped, and it works on. */
export async function untouched(t: Assertions, victim: Victim, before: ProcSnapshot): Promise<boolean> {
  if (!t.ok(victim.lives, 'the victim lives')) return false;
  // Whoever traced it is dead, but the kernel may still be at detaching.
  const same = unchanged(t, await differencesFrom(before, victim.pid, allowed), '/proc says the same as before');
  const then = beats(victim);
  const goesOn = await waitFor('the victim to work on', () => beats(victim) > then + 1, 30_000).catch(() => false);
  return t.ok(goesOn, 'it works on') && same;
}
