import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { roundTrip } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import { Workspace } from '../harness/workspace.js';
import type { RealProgramKind } from './programs.js';

/**
 * Dumps and restores each program again and again, with a look at its state in between: a test a program.
 * @param compareProc /proc must say the same before and after: for programs that rest
 */
export function testRounds(programs: readonly RealProgramKind[], rounds: number, { compareProc = false }: { readonly compareProc?: boolean } = {}): void {
  t.setTimeout(180_000);
  for (const { name, skip, start } of programs) {
    t.test(`${name}, ${rounds} times over`, { skip: skipReason() || skip }, async (t) => {
      const tool = toolUnderTest();
      await using ws = new Workspace();
      const program = await start(ws);
      await program.check(t);
      for (let round = 1; round <= rounds; round++) {
        const options = { dumpArgs: program.options, restoreArgs: program.options, compareProc };
        if (!(await roundTrip(t, ws, tool, program.victim, options))) return void t.fail(`lost in round ${round}`);
        await program.check(t);
      }
      await program.end(t);
    });
  }
}
