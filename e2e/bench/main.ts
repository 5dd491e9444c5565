// usage: node tools/bench.mjs [CASE…] [--rounds N] [--json FILE]       CRIU=path of the peer     CRIU_TS=path of ours
// Cases: memory vmas tiny nginx postgres jvm, and api, api-vmas, api-nginx … for those through the API.
// Runs ours and the peer in turn, in one run, and prints medians. Milliseconds, where not said.
// On a machine that has other work, `chrt -r 1 node tools/bench.mjs …` keeps that out of the figures.
// It runs in a mount namespace of its own, with a tmpfs on /run, where CRIU keeps what it found out about the kernel.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { skipReason } from '../harness/requirements.js';
import { peer, toolUnderTest, type Tool } from '../harness/tool.js';
import { Workspace } from '../harness/workspace.js';
import { benchCases } from './cases.js';
import { type Figures, Samples } from './measure.js';
import { realCases, warmRound } from './real.js';
import { report } from './report.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string' }, json: { type: 'string' } } });
const missing = skipReason();
if (missing !== false) {
  console.error(missing);
  process.exit(2);
}
execFileSync('mount', ['-t', 'tmpfs', 'none', '/run']);
const ours = toolUnderTest();
const theirs = peer();
if (theirs === undefined) console.log('no peer to compare with: name one by CRIU=path');
const wanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
const results: Record<string, Record<string, Samples>> = {};
let reached = true;

await using ws = new Workspace();
const dir = path.join(ws.dir, 'tmpfs');
mkdirSync(dir);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4g', 'none', dir]);
using _mounted = { [Symbol.dispose]: () => execFileSync('umount', ['-l', dir]) };

for (const { name, about, skip = false, rounds, targets, run } of [...benchCases, ...realCases].filter((each) => wanted(each.name))) {
  if (skip !== false) {
    console.log(`\n${name}: not here: ${skip}`);
    continue;
  }
  const samples: Record<string, Samples> = {};
  const tools: Tool[] = theirs === undefined ? [ours] : [ours, theirs];
  for (const tool of tools) await run(ws, tool, dir); // files are read, caches are filled
  for (let round = 0; round < Number(values.rounds ?? rounds); round++) {
    // Who comes first changes from round to round.
    for (const tool of round % 2 === 0 ? tools : tools.toReversed()) (samples[tool.name] ??= new Samples()).add(await run(ws, tool, dir));
  }
  results[name] = samples;
  const mine = samples[ours.name];
  if (mine !== undefined) reached = report(`${name}: ${about}`, mine, theirs && samples[theirs.name], targets) && reached;
}

// The same through the API, in this process, which is warm after the first rounds; the peer by its command line.
const tinyRound = (mappings: number) => async (ws: Workspace, dir: string): Promise<Figures> => (await import('./api.js')).apiRound(ws, dir, mappings);
const WARM = [
  { name: 'api', like: 'tiny', about: 'a tiny process', ratio: 1, warmups: 5, round: tinyRound(1) },
  { name: 'api-vmas', like: 'vmas', about: 'a process of 10,000 mappings', ratio: 1.5, warmups: 5, round: tinyRound(5000) },
  ...realCases.filter(({ skip = false }) => skip === false).map(({ name, about }) => ({ name: `api-${name}`, like: name, about: about.replace(/;.*/, ''), ratio: 1, warmups: 5, round: warmRound(name, 32 << 20) })),
];
for (const { name, like, about, ratio, warmups, round: once } of WARM.filter((each) => wanted(each.name))) {
  const peerCase = [...benchCases, ...realCases].find((each) => each.name === like);
  const [mine, other] = [new Samples(), new Samples()];
  for (let round = 0; round < warmups; round++) await once(ws, dir);
  for (let round = 0; round < Number(values.rounds ?? peerCase?.rounds); round++) {
    mine.add(await once(ws, dir));
    if (theirs === undefined || peerCase === undefined) continue;
    const { dump = 0, restore = 0 } = await peerCase.run(ws, theirs, dir);
    await peerCase.pause?.();
    other.add({ dump, restore });
  }
  results[name] = { ours: mine, criu: other };
  const targets = [{ figure: 'dump', ratio }, { figure: 'restore', ratio }];
  reached = report(`${name}: ${about}, through the API in a warm process (the peer by its command line)`, mine, theirs && other, targets) && reached;
}

if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, undefined, 1));
process.exitCode = reached ? 0 : 1;
