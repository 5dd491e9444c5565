import t from 'tap';
import { critShow } from '../harness/crit.js';
import { namespaceChanges, namespacesPeerFlaw } from '../harness/namespaces.js';
import { skipReason } from '../harness/requirements.js';
import { roundTrip, succeeded } from '../harness/round-trip.js';
import { peer, toolUnderTest } from '../harness/tool.js';
import { Workspace } from '../harness/workspace.js';
import { diffImages } from '../image-diff/diff.js';
import { itRanOn, leftOut } from './explained.js';
import { readdirSync } from 'node:fs';
import path from 'node:path';

// Namespaces of a tree's own, both ways: CRIU restores what ours dumps, and ours what CRIU dumps.
t.setTimeout(420_000);
const criu = peer();
const skip = skipReason() || (criu === undefined ? 'no CRIU to compare with: name one by CRIU=path' : false);

t.test('both dump the same of them', { skip }, async (t) => {
  if (criu === undefined) return;
  await using ws = new Workspace();
  const victim = await ws.start('namespaces', ['all']);
  const [ours, theirs] = [ws.folder('ours'), ws.folder('theirs')];
  if (!succeeded(t, await ws.dump(toolUnderTest(), victim.pid, ours, ['--leave-running']), 'ours dumps it')) return;
  if (!succeeded(t, await ws.dump(criu, victim.pid, theirs, ['--leave-running']), 'CRIU dumps it')) return;
  const about = /^(ipcns|utsns|timens|pagemap-shmem|ids|inventory)/;
  const { unexplained } = diffImages(theirs, ours, [...itRanOn, ...leftOut]);
  t.same(unexplained.filter((line) => about.test(line)), [], 'of namespaces and what is in them, the images say the same');
  const images = readdirSync(ours).filter((file) => file.endsWith('.img') && !/^pages-/.test(file));
  t.equal((await critShow(criu, images.map((file) => path.join(ours, file)))).size, images.length, 'crit shows all of ours');
});

for (const [title, dumper, restorer] of [['ours → CRIU', 'ours', 'theirs'], ['CRIU → ours', 'theirs', 'ours']] as const) {
  t.test(title, { skip }, async (t) => {
    if (criu === undefined) return;
    const tools = { ours: toolUnderTest(), theirs: criu };
    await using ws = new Workspace();
    const victim = await ws.start('namespaces', ['all']);
    const allowed = [...namespaceChanges, { field: /^/, difference: /memfd:\/dev\/zero/, because: 'CRIU makes shared anonymous memory so' }];
    for (const round of ['first', 'second']) {
      if (!(await roundTrip(t, ws, tools[dumper], victim, { restoreBy: tools[restorer], allowed }))) return void t.fail(`lost in the ${round} round`);
    }
    for (const { ok, text } of await victim.verify()) {
      if (!ok && namespacesPeerFlaw.pattern.test(text)) t.comment(`CRIU's flaw: ${text}`);
      else t.ok(ok, text);
    }
  });
}
