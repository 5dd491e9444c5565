import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { repository } from '../harness/repository.js';
import { boxScript } from './box.js';

export interface MutationOptions {
  readonly seed: number;
  readonly from: number;
  /** How many. */
  readonly sets: number;
  /** Of one set. */
  readonly timeLimitMs: number;
  /** So many failures, and it stops. */
  readonly maxFailures: number;
  /** Now and then. */
  readonly onProgress?: (done: number) => void;
}

export interface Failure {
  readonly index: number;
  readonly set: string;
  readonly what: string;
  readonly problem: string;
}

export interface Summary {
  readonly done: number;
  /** How often each outcome came: `restored`, or the code of an error. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
  readonly ms: number;
}

interface Line {
  readonly start?: number;
  readonly set?: string;
  readonly what?: string;
  readonly end?: number;
  readonly code?: string;
  readonly problem?: string;
  readonly broken?: string;
}

/** Time for starting and dumping all programs. */
const PREPARING_MS = 120_000;

/** Restores mutated image sets in a worker, and starts another one where that crashes or hangs. */
export async function runMutations(options: MutationOptions): Promise<Summary> {
  const begin = performance.now();
  const bundle = await bundleWorker();
  const outcomes = new Map<string, number>();
  const failures: Failure[] = [];
  const end = options.from + options.sets;
  let next = options.from;
  while (next < end && failures.length < options.maxFailures) next = await runWorker(bundle, next, end, options, outcomes, failures);
  return { done: next - options.from, outcomes, failures, ms: performance.now() - begin };
}

async function bundleWorker(): Promise<string> {
  const outfile = path.join(repository, 'e2e/dist/mutate-worker.mjs');
  await build({
    entryPoints: [path.join(repository, 'e2e/mutate/worker.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@criu-ts/source'],
    external: ['koffi'],
    sourcemap: 'inline',
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return outfile;
}

/** @returns the index to go on with */
async function runWorker(bundle: string, from: number, to: number, options: MutationOptions, outcomes: Map<string, number>, failures: Failure[]): Promise<number> {
  const dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-mutate-'));
  try {
    const script = boxScript(dir, [process.execPath, '--enable-source-maps', bundle, ...[options.seed, from, to].map(String)]);
    const argv = ['--mount', '--pid', '--net', '--ipc', '--uts', '--propagation', 'private', '--fork', '--kill-child', 'sh', '-e', script];
    const env = { PATH: process.env['PATH'] };
    const box = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'], env });
    return await listen(box, from, options, outcomes, failures);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function listen(box: ChildProcess, from: number, options: MutationOptions, outcomes: Map<string, number>, failures: Failure[]): Promise<number> {
  const { timeLimitMs, maxFailures } = options;
  let next = from;
  let current: Line = {};
  let hung = false;
  let broken: string | undefined;
  const tooLong = (): void => {
    hung = true;
    box.kill('SIGKILL');
  };
  let timer = setTimeout(tooLong, PREPARING_MS);
  const fail = (problem: string): void => void failures.push({ index: current.start ?? next, set: current.set ?? '', what: current.what ?? '', problem });
  createInterface({ input: box.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    if (hung) return;
    const line = JSON.parse(text) as Line;
    if (line.broken !== undefined) {
      broken = line.broken;
      box.kill('SIGKILL');
    }
    if (line.start !== undefined) current = line;
    if (line.end !== undefined) {
      outcomes.set(line.code ?? '', (outcomes.get(line.code ?? '') ?? 0) + 1);
      if (line.problem !== undefined) fail(line.problem);
      if (failures.length >= maxFailures) box.kill('SIGKILL');
      next = line.end + 1;
      if (next % 1000 === 0) options.onProgress?.(next);
      current = {};
    }
    clearTimeout(timer);
    timer = setTimeout(tooLong, timeLimitMs);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => box.once('close', (...how) => resolve(how)));
  clearTimeout(timer);
  if (broken !== undefined) throw new Error(`mutation tests can't run: ${broken}`);
  if (current.start !== undefined) {
    fail(hung ? `hung: no end after ${timeLimitMs / 1000} s` : `the process that restored it ended with ${signal ?? code}`);
    return current.start + 1;
  }
  if (hung) throw new Error('the programs were not ready in time');
  if (next === from && failures.length === 0) throw new Error(`the worker ended with ${signal ?? code} before it began`);
  return next;
}
