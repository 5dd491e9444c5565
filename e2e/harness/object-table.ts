import t from 'tap';
import type { Allowed } from './proc-compare.js';
import { changesByItself } from './proc-compare.js';
import { takeSnapshot } from './proc-snapshot.js';
import { skipReason } from './requirements.js';
import { differencesFrom, roundTrip, succeeded, unchanged } from './round-trip.js';
import { toolUnderTest } from './tool.js';
import { Workspace } from './workspace.js';

/** A program of `programs/` that makes one kind of kernel object, and verifies it after the restore. */
export interface ObjectRow {
  readonly program: string;
  readonly args?: readonly string[];
  /** For the test's title; the program's name and arguments where absent. */
  readonly title?: string;
  /** Options of both dump and restore, as a user would need them. */
  readonly options?: readonly string[];
  readonly allowed?: readonly Allowed[];
  /** The same without any restore: what it changes itself while it waits. */
  readonly restless?: readonly Allowed[];
  /** It has ptys, whose numbers are to be free. */
  readonly terminals?: true;
  /** False where /proc changes all the while. */
  readonly compareProc?: boolean;
  /** Known flaws of CRIU 4.2 that ours doesn't share: verdicts or /proc fields to overlook where the tool under test is CRIU. */
  readonly peerFlaw?: { readonly pattern: RegExp; readonly because: string };
  /** Set where the peer can't do it at all. */
  readonly peerFails?: string;
  /** Dump must be refused, with this in output or log, and leave the program untouched. */
  readonly refused?: RegExp;
  /** It is refused only where the dump would kill it. */
  readonly refusedWhenKilled?: boolean;
}

/** Dump by `--leave-running`, then dump and restore twice, then the program's own verdict: a test a row. */
export function testObjects(rows: readonly ObjectRow[]): void {
  const skip = skipReason();
  t.setTimeout(420_000);
  for (const row of rows) {
    const title = row.title ?? [row.program, ...(row.args ?? [])].join(' ');
    t.test(title, { skip }, async (t) => {
      const tool = toolUnderTest();
      if (tool.isPeer && row.peerFails !== undefined) {
        t.pass('not here', { skip: `CRIU can't: ${row.peerFails}` });
        return;
      }
      await using ws = new Workspace({ ownTerminals: row.terminals === true });
      const victim = await ws.start(row.program, row.args);
      if (victim.skipped !== '') {
        t.pass('not here', { skip: victim.skipped });
        return;
      }
      const compareProc = row.compareProc ?? true;
      const flaw = tool.isPeer ? row.peerFlaw?.pattern : undefined;

      const before = takeSnapshot(victim.pid);
      const running = await ws.dump(tool, victim.pid, ws.folder('running'), [...(row.refusedWhenKilled === true ? [] : ['--leave-running']), ...(row.options ?? [])]);
      if (row.refused !== undefined) {
        t.not(running.code, 0, 'refused');
        t.match(running.output + running.log, row.refused, 'and said why');
      } else if (!succeeded(t, running, 'dumped by --leave-running')) return;
      if (compareProc) unchanged(t, await differencesFrom(before, victim.pid, row.restless && [...changesByItself, ...row.restless]), 'it runs on untouched');

      if (row.refused === undefined) {
        const options = row.options ?? [];
        const allowed = [...(row.allowed ?? []), ...(row.restless ?? []), ...(tool.isPeer ? peerChanges(flaw) : [])];
        for (const round of ['first', 'second']) {
          const well = await roundTrip(t, ws, tool, victim, { dumpArgs: options, restoreArgs: options, allowed, compareProc });
          if (!victim.lives) return void t.fail(`lost in the ${round} round`);
          if (!well) break;
        }
      }
      for (const { ok, text } of await victim.verify()) {
        if (!ok && flaw?.test(text) === true) t.comment(`CRIU's flaw: ${text}`);
        else t.ok(ok, text);
      }
    });
  }
}

/** What CRIU changes in /proc, of all programs and of this one. */
function peerChanges(flaw: RegExp | undefined): Allowed[] {
  const common = { field: /^$/, difference: /→ .*memfd:\/dev\/zero/, because: 'shared anonymous memory comes back as a memfd' };
  return flaw === undefined ? [common] : [common, { field: /^$/, difference: flaw, because: 'a flaw of CRIU' }];
}
