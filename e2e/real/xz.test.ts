import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { skipReason } from '../harness/requirements.js';
import { roundTrip } from '../harness/round-trip.js';
import { toolUnderTest } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { Workspace } from '../harness/workspace.js';
import { find, lacks } from './kind.js';

// A computation that is interrupted comes to the same end as one that is not.
t.setTimeout(420_000);
/** It must not be done before the last of them. */
const SIZE = 16 << 20;
const BLOCK = 256 << 10;
/** Threads, and blocks so small that output comes early: the encoder is always at something. */
const XZ = ['-T2', '-6e', `--block-size=${BLOCK}`, '-c'];

t.test('xz -T2, taken away and brought back midway', { skip: skipReason() || lacks('xz') }, async (t) => {
  const xz = find('xz') ?? '';
  await using ws = new Workspace();
  const input = path.join(ws.dir, 'input');
  writeFileSync(input, someText(SIZE));
  const undisturbed = execFileSync(xz, [...XZ, input], { maxBuffer: 2 * SIZE });

  const victim = await ws.launch([xz, ...XZ, input], 'xz');
  const written = (): number => statSync(victim.out).size;
  let times = 0;
  // Not later than this: the machine may be slow to start a dump while xz is quick.
  for (const part of [0.05, 0.12, 0.2]) {
    await waitFor('xz to write on', () => !victim.lives || written() > undisturbed.length * part, 120_000);
    if (!victim.lives) break;
    if (!(await roundTrip(t, ws, toolUnderTest(), victim, { compareProc: false }))) return;
    times++;
  }
  await waitFor('xz to end', () => !victim.lives, 120_000);
  t.ok(times > 0, `it was dumped and restored midway (${times} times)`);
  t.ok(readFileSync(victim.out).equals(undisturbed), `its ${undisturbed.length} bytes are those of an undisturbed run`);
});

/** Text that takes a compressor some time: words at random, the same ones in every run. */
function someText(size: number): Buffer {
  const text = Buffer.alloc(size);
  let x = 1;
  const next = (below: number): number => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
  const words = Array.from({ length: 5000 }, () => Array.from({ length: 2 + next(8) }, () => String.fromCharCode(97 + next(26))).join(''));
  for (let at = 0; at < size; ) at += text.write(`${words[next(words.length)]} `, at, 'latin1');
  return text;
}
