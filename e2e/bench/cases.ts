import { readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../harness/wait.js';
import { descendantsOf } from '../harness/shepherd.js';
import type { Tool } from '../harness/tool.js';
import type { Victim } from '../harness/victim.js';
import { describeRun, type ToolRun, type Workspace } from '../harness/workspace.js';
import { figuresOf, warmUp, type Figures } from './measure.js';

const MiB = 1 << 20;

/** What the issue asks for: ours at most so many times the peer's, or at most so much in itself. */
export interface Target {
  readonly figure: string;
  readonly ratio?: number;
  readonly atMost?: number;
}

export interface BenchCase {
  readonly name: string;
  readonly about: string;
  /** Why it can't run here. */
  readonly skip?: string | false;
  readonly rounds: number;
  readonly targets: readonly Target[];
  /** One round of one tool. `dir` is an empty folder on a tmpfs. */
  readonly run: (ws: Workspace, tool: Tool, dir: string) => Promise<Figures>;
  /** Stops what still runs of it, so that it does not disturb another's rounds; `run` lets it go on. */
  readonly pause?: () => Promise<void>;
}

export const benchCases: readonly BenchCase[] = [
  {
    name: 'memory',
    about: '1 GiB of touched memory, to and from a tmpfs',
    rounds: 5,
    targets: [
      { figure: 'frozen', ratio: 0.6 },
      { figure: 'restore', ratio: 1 },
      { figure: 'restore CPU', ratio: 1 },
      { figure: 'dump RSS MiB', atMost: 150 },
      { figure: 'restore RSS MiB', atMost: 150 },
    ],
    run: (ws, tool, dir) => dumpAndRestore(ws, tool, dir, ['touched', '1024'], 1300 * MiB),
  },
  {
    name: 'vmas',
    about: 'a process of 10,000 mappings',
    rounds: 7,
    targets: [
      { figure: 'dump', ratio: 1.5 },
      { figure: 'restore', ratio: 1.5 },
    ],
    run: (ws, tool, dir) => dumpAndRestore(ws, tool, dir, ['many_vmas', '5000'], 64 * MiB),
  },
  treeCase('tree', 'a tree of 200 processes with sessions, groups, zombies and 1,000 descriptors', ['forest', '200'], 1),
  treeCase('descriptors', 'a process of 5,000 descriptors of every kind', ['many_files', '5000']),
  {
    name: 'tiny',
    about: 'a tiny process, by the command line',
    rounds: 15,
    targets: [
      { figure: 'dump CPU above node', atMost: 30 },
      { figure: 'restore CPU above node', atMost: 30 },
    ],
    run: async (ws, tool, dir) => {
      const node = await bareNode(ws);
      const figures = await dumpAndRestore(ws, tool, dir, ['many_vmas', '1'], 16 * MiB);
      if (tool.isPeer) return figures;
      const above = (what: string): number => (figures[`${what} CPU`] ?? 0) - node;
      return { ...figures, 'node -e 0 CPU': node, 'dump CPU above node': above('dump'), 'restore CPU above node': above('restore') };
    },
  },
];

/** Both directions; our figures are told without the start of Node, too. @param ratio to the peer's, at most */
function treeCase(name: string, about: string, program: readonly string[], ratio?: number): BenchCase {
  return {
    name,
    about,
    rounds: 7,
    targets: ratio === undefined ? [] : ['dump', 'restore'].map((what) => ({ figure: `${what} above node`, ratio })),
    run: async (ws, tool, dir) => {
      const node = tool.isPeer ? 0 : await bareNode(ws, 'ms');
      const figures = await dumpAndRestore(ws, tool, dir, program, 128 * MiB);
      const above = (what: string): number => (figures[what] ?? 0) - node;
      return { ...figures, ...(!tool.isPeer && { 'node -e 0': node }), 'dump above node': above('dump'), 'restore above node': above('restore') };
    },
  };
}

/** CPU or wall time of `node -e 0`, milliseconds. */
async function bareNode(ws: Workspace, what: 'cpu' | 'ms' = 'cpu'): Promise<number> {
  const run = await ws.run({ name: 'node', command: [process.execPath], isPeer: false }, ['-e', '0']);
  return what === 'ms' ? run.ms : run.userMs + run.systemMs;
}

async function dumpAndRestore(ws: Workspace, tool: Tool, dir: string, [program = '', ...args]: readonly string[], warm: number): Promise<Figures> {
  const victim = await ws.start(program, args);
  const images = path.join(dir, 'images');
  await ws.shell(`mkdir '${images}'`);
  const gapsBefore = gaps(victim).length;
  warmUp(dir, warm);
  // Logs at the level of errors: what they cost is not the point.
  const ranBefore = cpuMs(victim.pid);
  const dump = good(await ws.run(tool, ['dump', '-t', String(victim.pid), '-D', images, '-o', 'dump.log', '-v1', '--leave-running']));
  const dumpedItself = cpuMs(victim.pid) - ranBefore;
  const frozen = Math.max(0, ...(await settled(victim)).slice(gapsBefore));
  const tree = [victim.pid, ...descendantsOf(victim.pid)];
  for (const pid of tree) process.kill(pid, 'SIGKILL');
  await waitFor('the victim to be gone', () => !tree.some(exists));
  warmUp(dir, warm);
  const restore = good(await ws.run(tool, ['restore', '-D', images, '-d', '-o', 'restore.log', '-v1']));
  const restoredItself = cpuMs(victim.pid);
  const bad = (await victim.verify(60_000)).filter(({ ok }) => !ok);
  // The peer's known flaws are told by the tests.
  if (bad.length > 0 && !tool.isPeer) throw new Error(`${tool.name} brought ${program} back wrong: ${bad[0]?.text}`);
  await waitFor('the restored one to be gone', () => !exists(victim.pid));
  rmSync(images, { recursive: true });
  return { ...(frozen > 0 ? { frozen: frozen / 1000 } : {}), ...figuresOf('dump', dump, dumpedItself), ...figuresOf('restore', restore, restoredItself) };
}

/** CPU time that a process and its descendants have used, milliseconds: a part of the work is done in the processes themselves. */
function cpuMs(root: number): number {
  return [root, ...descendantsOf(root)].reduce((sum, pid) => sum + ownCpuMs(pid), 0);
}

function ownCpuMs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, tid) => sum + Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1').split(' ')[0]) / 1e6, 0);
}

/** The gaps that the victim noticed, in microseconds; see programs/touched.c. */
function gaps(victim: Victim): number[] {
  return victim.lines().flatMap((line) => (line.startsWith('gap ') ? [Number(line.slice(4))] : []));
}

/** The same, after it had time to notice the last one. */
async function settled(victim: Victim): Promise<number[]> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return gaps(victim);
}

function good(run: ToolRun): ToolRun {
  if (run.code !== 0) throw new Error(describeRun(run));
  return run;
}

function exists(pid: number): boolean {
  try {
    readFileSync(`/proc/${pid}/stat`);
    return true;
  } catch {
    return false;
  }
}
