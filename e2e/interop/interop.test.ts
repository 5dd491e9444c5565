import { chmodSync, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { critShow } from '../harness/crit.js';
import { skipReason } from '../harness/requirements.js';
import { succeeded, type Assertions } from '../harness/round-trip.js';
import { descendantsOf, stateOf } from '../harness/shepherd.js';
import { peer, toolUnderTest, type Tool } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';
import { diffImages, type Explained } from '../image-diff/diff.js';
import type { RealProgram } from '../real/kind.js';
import { realPrograms } from '../real/programs.js';
import { itRanOn, itWasRestored, leftOut } from './explained.js';

t.setTimeout(420_000);
const criu = peer();
const skip = skipReason() || (criu === undefined ? 'no CRIU to compare with: name one by CRIU=path' : false);

/** REAL=nginx: only these, for whoever works on one. */
const only = new RegExp(process.env['REAL'] ?? "");
for (const { name, skip: missing, start, startForPeer = start, peerBy = [], terminals = false } of realPrograms.filter((kind) => only.test(kind.name))) {
  t.test(name, { skip: skip || missing }, async (t) => {
    if (criu === undefined) return;
    const ours = toolUnderTest();
    const theirs: Tool = { ...criu, command: [...peerBy, ...criu.command] };
    await using ws = new Workspace({ ownTerminals: terminals });
    const program = await startForPeer(ws);
    await program.check(t);

    // Where the program happened to open or map something just then (redis reads /proc/self/stat), they look again.
    for (let attempt = 1; attempt <= 3; attempt++) {
      // Ours first: CRIU's parasite leaves traces on the stack, four pages below its end.
      const ours0 = await dumpOf(t, ws, ours, program, ['--leave-running']);
      const theirs0 = await dumpOf(t, ws, theirs, program, ['--leave-running']);
      if (theirs0 === undefined || ours0 === undefined) return;
      const allowed = [...itRanOn, ...leftOut];
      if (attempt < 3 && diffImages(theirs0, ours0, allowed).unexplained.length > 0) continue;
      same(t, theirs0, ours0, 'of a program, both dump the same', allowed);
      break;
    }

    const ours1 = await dumpOf(t, ws, ours, program);
    if (ours1 === undefined) return;
    await shownByCrit(t, criu, ours1);
    if (!(await restoreOf(t, ws, criu, program, ours1))) return;
    await program.check(t);

    const theirs1 = await dumpOf(t, ws, theirs, program);
    if (theirs1 === undefined || !(await restoreOf(t, ws, ours, program, theirs1))) return;
    // Before the next check, which changes the program.
    const theirs2 = await dumpOf(t, ws, theirs, program, ['--leave-running']);
    if (theirs2 === undefined) return;
    same(t, theirs1, theirs2, 'dumped by CRIU, restored by ours, dumped by CRIU: the same', [...itRanOn, ...itWasRestored]);
    await program.check(t);

    const ours2 = await dumpOf(t, ws, ours, program);
    if (ours2 === undefined || !(await restoreOf(t, ws, ours, program, ours2))) return;
    const ours3 = await dumpOf(t, ws, ours, program, ['--leave-running']);
    if (ours3 === undefined) return;
    same(t, ours2, ours3, 'dumped, restored and dumped by ours: the same', [...itRanOn, ...itWasRestored]);
    await program.check(t);
    await program.end(t);
  });
}

async function shownByCrit(t: Assertions, criu: Tool, dir: string): Promise<void> {
  const images = readdirSync(dir).filter((file) => file.endsWith('.img') && !/^pages-/.test(file));
  const shown = await critShow(criu, images.map((file) => path.join(dir, file))).catch((error: unknown) => void t.fail(`crit: ${String(error)}`));
  t.equal(shown?.size, images.length, 'crit shows all of our images');
}

let sets = 0;

/** What CRIU found out about the kernel, which only root may read. */
const featureCache = '/run/criu.kdat';

/** Dumps into a new folder, and waits until the program is gone, where it is to be. */
async function dumpOf(t: Assertions, ws: Workspace, tool: Tool, program: RealProgram, args: readonly string[] = []): Promise<string | undefined> {
  const images = ws.folder(`set-${sets++}-by-${tool.name}`);
  // Who runs it may be no root in all respects.
  chmodSync(images, 0o777);
  if (tool.isPeer && existsSync(featureCache)) chmodSync(featureCache, 0o644);
  const tree = [program.victim.pid, ...descendantsOf(program.victim.pid)];
  const run = await ws.dump(tool, program.victim.pid, images, [...program.options, ...args]);
  if (!succeeded(t, run, [tool.name, 'dump', ...args].join(' '))) return undefined;
  if (!args.includes('--leave-running')) await waitFor('the dumped process to be gone', () => !program.victim.lives && tree.every((pid) => stateOf(pid) === undefined), 30_000);
  return images;
}

async function restoreOf(t: Assertions, ws: Workspace, tool: Tool, program: RealProgram, images: string): Promise<boolean> {
  return succeeded(t, await ws.restore(tool, images, program.options), `${tool.name} restore of ${path.basename(images)}`);
}

function same(t: Assertions, before: string, after: string, what: string, allowed: readonly Explained[] = itRanOn): void {
  const { unexplained, explained } = diffImages(before, after, allowed);
  if (unexplained.length === 0) t.ok(true, what);
  else t.fail(what, { differences: unexplained.slice(0, 60).join('\n') });
  for (const [{ because }, times] of explained) t.comment(`explained ${times} times: ${because}`);
}
