// Whole programs, each dumped and restored again and again while its client sees that nothing is lost.
import { chmodSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Assertions } from '../harness/round-trip.js';
import { descendantsOf, stateOf } from '../harness/shepherd.js';
import type { Tool } from '../harness/tool.js';
import { waitFor } from '../harness/wait.js';
import { describeRun, type ToolRun, type Workspace } from '../harness/workspace.js';
import { jvm } from '../real/jvm.js';
import type { RealProgram, RealProgramKind } from '../real/kind.js';
import { nginx } from '../real/nginx.js';
import { postgres, startPostgres } from '../real/postgres.js';
import { dump, restore } from '@criu-ts/core';
import type { BenchCase } from './cases.js';
import { figuresOf, warmUp, type Figures } from './measure.js';

/** What it found out about the kernel, which only root may read. */
const featureCache = '/run/criu.kdat';

const MiB = 1 << 20;

export const realCases: readonly BenchCase[] = [
  realCase('nginx', nginx, 20, 32 * MiB, nginx.startForPeer ?? nginx.start),
  // CRIU dumps System V segments only with an ipc namespace around them.
  realCase('postgres', postgres, 20, 64 * MiB, (ws, tool) => startPostgres(ws, tool.isPeer ? ['unshare', '--ipc'] : []), postgres.peerBy),
  realCase('jvm', jvm, 10, 300 * MiB, jvm.start),
];

/**
 * @param warm bytes of the tmpfs to be made ready: about what the images take. Much more would only empty the CPU's caches.
 * @param peerBy runs CRIU, where it can't dump the program otherwise
 */
function realCase(name: string, { name: about, skip }: RealProgramKind, rounds: number, warm: number, start: (ws: Workspace, tool: Tool) => Promise<RealProgram>, peerBy: readonly string[] = []): BenchCase {
  const programs = new Map<string, Promise<RealProgram>>();
  return {
    name,
    about: `${about}; "without node": less what \`node -e 0\` takes`,
    skip,
    rounds,
    targets: [
      { figure: 'dump without node', ratio: 1 },
      { figure: 'restore without node', ratio: 1 },
    ],
    pause: async () => {
      for (const program of programs.values()) process.kill((await program).victim.pid, 'SIGSTOP');
    },
    run: async (ws, tool, dir) => {
      const program = await (programs.get(tool.name) ?? programs.set(tool.name, start(ws, tool)).get(tool.name));
      if (program === undefined) throw new Error('never');
      // Where others of its kind are at work, they would be measured too.
      for (const [owner, other] of programs) process.kill((await other).victim.pid, owner === tool.name ? 'SIGCONT' : 'SIGSTOP');
      if (tool.isPeer && peerBy.length > 0) await shareFeatures(ws, tool);
      return dumpAndRestore(ws, tool, tool.isPeer ? { ...tool, command: [...peerBy, ...tool.command] } : tool, program, dir, warm);
    },
  };
}

async function shareFeatures(ws: Workspace, criu: Tool): Promise<void> {
  if (!existsSync(featureCache)) await ws.run(criu, ['check']);
  chmodSync(featureCache, 0o644);
}

/** The same through the API, in this process: what is left when node and our code are loaded. */
export function warmRound(name: string, warm: number): (ws: Workspace, dir: string) => Promise<Figures> {
  let running: Promise<RealProgram> | undefined;
  let ended: Promise<unknown> | undefined;
  let restoredTree: (() => number[]) | undefined;
  return async (ws, dir) => {
    if (running === undefined) ws.afterwards(() => restoredTree?.().forEach((each) => stateOf(each) !== undefined && process.kill(each, 'SIGKILL')));
    const program = await (running ??= name === 'postgres' ? startPostgres(ws) : name === 'jvm' ? jvm.start(ws) : (nginx.startForPeer ?? nginx.start)(ws));
    const { pid } = program.victim;
    process.kill(pid, 'SIGCONT');
    await program.check(throwing);
    const tree = [pid, ...descendantsOf(pid)];
    const imagesDir = path.join(dir, 'images');
    await ws.shell(`mkdir '${imagesDir}'`);
    warmUp(dir, warm);
    const begin = performance.now();
    await dump({ pid, imagesDir });
    const dumped = performance.now();
    await ended;
    await waitFor('the tree to be gone', () => tree.every((each) => stateOf(each) === undefined), 60_000);
    warmUp(dir, warm);
    const before = performance.now();
    const restored = await restore({ imagesDir });
    const end = performance.now();
    // The next dump may bury it: it is its tracer, and here also its parent.
    ended = restored.wait().catch(() => undefined);
    // It is no child of the shepherd's.
    restoredTree = () => [pid, ...descendantsOf(pid)];
    await program.check(throwing);
    rmSync(imagesDir, { recursive: true });
    // It would be at work while the peer's is measured.
    process.kill(pid, 'SIGSTOP');
    return { dump: dumped - begin, restore: end - before };
  };
}

async function dumpAndRestore(ws: Workspace, tool: Tool, dumper: Tool, program: RealProgram, dir: string, warm: number): Promise<Figures> {
  await program.check(throwing);
  const images = path.join(dir, 'images');
  await ws.shell(`mkdir -m 777 '${images}'`);
  const { pid } = program.victim;
  const tree = [pid, ...descendantsOf(pid)];
  const bare = tool.isPeer ? 0 : await bareNodeMs(ws);
  warmUp(dir, warm);
  const dump = good(await ws.run(dumper, ['dump', '-t', String(pid), '-D', images, '-o', 'dump.log', '-v1', ...program.options]));
  await waitFor('the tree to be gone', () => tree.every((each) => stateOf(each) === undefined), 60_000);
  warmUp(dir, warm);
  const restore = good(await ws.run(tool, ['restore', '-D', images, '-d', '-o', 'restore.log', '-v1', ...program.options]));
  await program.check(throwing);
  rmSync(images, { recursive: true });
  return {
    ...figuresOf('dump', dump, 0),
    'dump without node': dump.ms - bare,
    ...figuresOf('restore', restore, 0),
    'restore without node': restore.ms - bare,
    ...(tool.isPeer ? {} : { 'node -e 0': bare }),
  };
}

async function bareNodeMs(ws: Workspace): Promise<number> {
  return good(await ws.run({ name: 'node', command: [process.execPath], isPeer: false }, ['-e', '0'])).ms;
}

function good(run: ToolRun): ToolRun {
  if (run.code !== 0) throw new Error(describeRun(run));
  return run;
}

/** Assertions outside of a test: what fails is thrown. */
const throwing = new Proxy({} as Assertions, {
  get: (_none, method: string) => (...args: unknown[]) => {
    const [a, b] = args.map((arg) => JSON.stringify(arg));
    const well = method === 'comment' || (method === 'ok' ? args[0] === true : method === 'equal' || method === 'same' ? a === b : method === 'match' ? (args[1] as RegExp).test(String(args[0])) : false);
    if (!well) throw new Error(`the client is not content: ${method} ${args.map(String).join(', ')}`);
    return true;
  },
});
