import path from 'node:path';
import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { peer, toolUnderTest } from '../harness/tool.js';
import { Workspace } from '../harness/workspace.js';

// Features, by CRIU's names: does CRIU find the same on this kernel?
t.setTimeout(420_000);
const criu = peer();
const skip = skipReason() || (criu === undefined ? 'no CRIU to compare with: name one by CRIU=path' : false);

/** Where CRIU 4.2 is wrong, or asks something else. */
const DIFFERENT: Readonly<Record<string, string>> = {
  net_diag_raw: 'CRIU says yes on a kernel without CONFIG_INET_RAW_DIAG: it takes any answer but its own mistake for one',
  has_ipt_legacy: 'CRIU looks for the program, not at the kernel',
};

t.test('check --feature', { skip }, async (t) => {
  if (criu === undefined) return;
  await using ws = new Workspace();
  const names = (await ws.run(toolUnderTest(), ['check', '--feature', 'list'])).output.trim().split('\n').slice(0, 45);
  for (const name of names) {
    const ours = await ws.run(toolUnderTest(), ['check', '--feature', name]);
    const theirs = await ws.run(criu, ['check', '--feature', name, '-o', path.join(ws.dir, 'log')]);
    if (name in DIFFERENT) t.comment(`${name}: ours ${ours.code}, CRIU ${theirs.code}; ${DIFFERENT[name]}`);
    else t.equal(ours.code, theirs.code, name, { ours: ours.output });
  }
});
