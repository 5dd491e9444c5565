// For tests: an outside world that remembers what it was told, and a core that does nothing.
import type {
  CheckOptions, CriuEvent, DumpOptions, DumpResult, DumpStats, ExplainDumpOptions, ExplainRestoreOptions, Explanation, FeatureState, Finding, HostCheck, RestoreOptions, RestoreResult, RestoreStats,
} from '@criu-ts/core';
import { imageDeclarations } from '@criu-ts/images/cli';
import { dumpCommand } from './commands/dump.js';
import { checkCommand } from './commands/check.js';
import { completionCommand } from './commands/completion.js';
import { explainCommand } from './commands/explain.js';
import { manCommand } from './commands/man.js';
import { restoreCommand } from './commands/restore.js';
import type { Io } from './io.js';

export const dumpStats: DumpStats = {
  kind: 'dump',
  freezingTime: 120,
  frozenTime: 3100,
  memdumpTime: 900,
  memwriteTime: 800,
  pagesScanned: 1000,
  pagesSkippedParent: 0,
  pagesWritten: 256,
  pagesLazy: 0,
  shpagesScanned: 0,
  shpagesSkippedParent: 0,
  shpagesWritten: 0,
};

export const restoreStats: RestoreStats = {
  kind: 'restore',
  pagesCompared: 0,
  pagesSkippedCow: 0,
  pagesRestored: 256,
  forkingTime: 500,
  restoreTime: 4000,
};

const featureNames = ['userns', 'kcmp'];

export interface FakeIo extends Io {
  out: string;
  err: string;
  readonly dumps: DumpOptions[];
  readonly restores: RestoreOptions[];
  readonly explained: (ExplainDumpOptions | ExplainRestoreOptions)[];
  readonly executed: (readonly string[])[];
  readonly checked: (CheckOptions | undefined)[];
  interrupt(signal: string): void;
  /** Whether the terminal was left to the restored job. */
  terminalLeft: boolean;
}

export interface FakeOptions {
  readonly name?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly columns?: number;
  /** Emitted by either call before it ends. */
  readonly events?: readonly CriuEvent[];
  /** Thrown by either call, after the events. */
  readonly error?: unknown;
  /** How the restored root task ends. */
  readonly end?: { exitCode: number } | { signal: number };
  /** What explain finds, and check. */
  readonly findings?: readonly Finding[];
  readonly features?: readonly FeatureState[];
  /** Either call waits until it is interrupted. */
  readonly hangs?: boolean;
}

export function fakeIo(options: FakeOptions = {}): FakeIo {
  const callbacks = new Set<(signal: string) => void>();
  const work = async ({ onEvent, signal }: Pick<DumpOptions, 'onEvent' | 'signal'>): Promise<void> => {
    for (const event of options.events ?? []) onEvent?.(event);
    if (options.error !== undefined) throw options.error as Error;
    if (options.hangs === true) {
      for (;;) {
        signal?.throwIfAborted();
        await new Promise(setImmediate);
      }
    }
  };
  const dump = async (given: DumpOptions): Promise<DumpResult> => {
    io.dumps.push(given);
    await work(given);
    return { pid: given.pid, tasks: 2, stats: dumpStats };
  };
  const restore = async (given: RestoreOptions): Promise<RestoreResult> => {
    io.restores.push(given);
    await work(given);
    await given.onMoment?.('post-restore', { imagesDir: given.imagesDir, pid: 77 });
    return { pid: 77, tasks: 1, stats: restoreStats, wait: async () => options.end ?? { exitCode: 0 } };
  };
  const explain = async (given: ExplainDumpOptions | ExplainRestoreOptions): Promise<Explanation> => {
    io.explained.push(given);
    await work(given);
    const findings = options.findings ?? [];
    return { possible: findings.every(({ severity }) => severity !== 'obstacle'), tasks: 1, findings };
  };
  const check = async (given?: CheckOptions): Promise<HostCheck> => {
    io.checked.push(given);
    const features = (options.features ?? []).filter(({ name }) => given?.names?.includes(name) !== false);
    return { good: features.every(({ category, present }) => present || category !== 'basic'), complete: features.every(({ present }) => present), features };
  };
  const exec = (argv: readonly string[]): never => {
    io.executed.push(argv);
    throw new Error('this program is no more');
  };
  const io: FakeIo = {
    name: options.name ?? 'criu-ts',
    cwd: options.cwd ?? '/',
    env: options.env ?? {},
    columns: options.columns ?? 0,
    out: '',
    err: '',
    terminalLeft: false,
    dumps: [],
    restores: [],
    explained: [],
    checked: [],
    executed: [],
    stdout: (text) => (io.out += text),
    stderr: (text) => (io.err += text),
    loadCommand: (command) =>
      ({
        dump: dumpCommand(dump),
        restore: restoreCommand(restore, exec),
        explain: explainCommand(explain),
        check: checkCommand(check, featureNames),
        completion: completionCommand(imageDeclarations),
        man: manCommand(imageDeclarations),
      })[command],
    leaveTerminal: () => void (io.terminalLeft = true),
    onInterrupt: (callback) => {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    interrupt: (signal) => {
      for (const callback of callbacks) callback(signal);
    },
  };
  return io;
}
