import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { dump, restore } from '@criu-ts/core';
import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { killAll } from '../harness/shepherd.js';
import { waitFor } from '../harness/wait.js';
import { describeRun, Workspace } from '../harness/workspace.js';

// A terminal whose master stays outside, as a container's does: only the API hands the new one over. The test runs itself
// where the terminals are.
const [, , role, pid, imagesDir = '', screen = ''] = process.argv;

/** cat(1) holds the master and writes down what it reads. */
async function restoreWithMaster(): Promise<void> {
  await restore({
    imagesDir,
    onOrphanMaster: ({ fd, index }) => {
      console.log(`master of /dev/pts/${index}`);
      spawn('/bin/cat', [], { stdio: [fd, openSync(screen, 'w'), 'ignore'], detached: true }).unref();
    },
  });
}

if (role === 'dump') await dump({ pid: Number(pid), imagesDir, orphanPtsMaster: true });
else if (role === 'restore') await restoreWithMaster();
else {
  t.test('a terminal without its master is given a new one', { skip: skipReason() }, async (t) => {
    await using ws = new Workspace({ ownTerminals: true });
    const victim = await ws.start('ptys_odd', ['outer']);
    const self = { name: 'api', command: [process.execPath, fileURLToPath(import.meta.url)], isPeer: false };
    const args = [String(victim.pid), ws.folder('images'), path.join(ws.dir, 'screen')];
    const dumped = await ws.run(self, ['dump', ...args]);
    if (dumped.code !== 0) return void t.fail('dumped', { run: describeRun(dumped) });
    await waitFor('the dumped process to be gone', () => !victim.lives);
    killAll(ws.shepherd.descendants());
    await waitFor('the master to be gone', () => ws.shepherd.descendants().length === 0);
    const restored = await ws.run(self, ['restore', ...args]);
    t.match(restored, { code: 0, output: /^master of \/dev\/pts\/0$/m }, 'restored', { run: describeRun(restored) });
    for (const { ok, text } of await victim.verify()) if (!/holder/.test(text)) t.ok(ok, text);
    await waitFor('the new master to read what the program writes', () => /^after\r?$/m.test(readFileSync(path.join(ws.dir, 'screen'), 'latin1')));
    t.ok(true, 'the new master reads what the program writes');
  });
}
