import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { roundTrip } from '../harness/round-trip.js';
import { atRest } from '../harness/shepherd.js';
import { toolUnderTest } from '../harness/tool.js';
import { Workspace } from '../harness/workspace.js';
import { realPrograms } from './programs.js';

t.setTimeout(600_000);

/** REAL=nginx: only these, for whoever works on one. */
const only = new RegExp(process.env['REAL'] ?? '');
for (const { name, skip, rounds = 10, idle, start, terminals = false } of realPrograms.filter(({ name }) => only.test(name))) {
  t.test(`${name}, ${rounds} times over`, { skip: skipReason() || skip }, async (t) => {
    const tool = toolUnderTest();
    await using ws = new Workspace({ ownTerminals: terminals });
    const program = await start(ws);
    await program.check(t);
    for (let round = 1; round <= rounds; round++) {
      if (idle !== undefined) await atRest(program.victim.pid);
      const options = { dumpArgs: program.options, restoreArgs: program.options, compareProc: idle !== undefined, allowed: idle ?? [] };
      if (!(await roundTrip(t, ws, tool, program.victim, options))) return void t.fail(`lost in round ${round}`);
      await program.check(t);
    }
    await program.end(t);
  });
}
