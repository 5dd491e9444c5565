import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { compile } from './programs.js';
import { waitFor } from './wait.js';

/** How a process ended, and what it used: itself and those of its children that it waited for. */
export interface Exit {
  /** Exit code; absent where a signal ended it. */
  readonly code?: number;
  readonly signal?: number;
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssKb: number;
}

export interface Job {
  readonly pid: number;
  /** Also of processes that came to the shepherd as orphans under the same pid, later: each exit is told once. */
  readonly exit: Promise<Exit>;
}

export interface RunOptions {
  readonly cwd: string;
  /** stdout and stderr are appended to this file. */
  readonly out: string;
  /** Make it the leader of a session of its own. */
  readonly session?: boolean;
}

/**
 * The parent of all that a test starts; see `programs/shepherd.c`. Disposing of it kills whatever it still has,
 * restored processes included: they come to it as orphans.
 */
export class Shepherd {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #started = new Map<number, (pid: number) => void>();
  readonly #exits = new Map<number, (exit: Exit) => void>();
  #nextId = 0;
  readonly #ended: Promise<void>;

  /**
   * @param privateMounts in a mount namespace of its own: what it or its flock mounts goes away with them
   * @param before shell command that is run in it first
   */
  constructor(privateMounts = false, before = '') {
    // Node's start-up reads NODE_EXTRA_CA_CERTS: 40–60 ms that no test wants.
    const env = { ...process.env };
    delete env['NODE_EXTRA_CA_CERTS'];
    this.#process = privateMounts
      ? spawn('unshare', ['--mount', '--propagation', 'private', '/bin/sh', '-ec', `${before}\nexec "$0"`, compile('shepherd')], { env })
      : spawn(compile('shepherd'), [], { env });
    this.#process.stderr.pipe(process.stderr);
    this.#ended = new Promise((resolve) => this.#process.once('close', () => resolve()));
    createInterface(this.#process.stdout).on('line', (line) => this.#hear(line));
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error('the shepherd did not start');
    return this.#process.pid;
  }

  /** @throws where an argument holds a tab or a newline */
  async run(argv: readonly string[], { cwd, out, session = false }: RunOptions): Promise<Job> {
    const id = this.#nextId++;
    const fields = ['run', String(id), session ? '1' : '0', cwd, out, ...argv];
    const bad = fields.find((field) => /[\t\n]/.test(field));
    if (bad !== undefined) throw new Error(`not for the shepherd: ${JSON.stringify(bad)}`);
    const started = new Promise<number>((resolve) => this.#started.set(id, resolve));
    this.#process.stdin.write(`${fields.join('\t')}\n`);
    let done: (exit: Exit) => void = () => {};
    const exit = new Promise<Exit>((resolve) => (done = resolve));
    const pid = await started;
    this.#exits.set(pid, done);
    return { pid, exit };
  }

  /** All processes below the shepherd, zombies excluded. */
  descendants(): number[] {
    return descendantsOf(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }

  #hear(line: string): void {
    const [word, ...numbers] = line.split(' ');
    const [a = 0, b = 0, userUs = 0, systemUs = 0, maxRssKb = 0] = numbers.map(Number);
    if (word === 'started') {
      this.#started.get(a)?.(b);
      this.#started.delete(a);
      return;
    }
    // `started` resolves a promise whose reader runs as a microtask: an `exited` in the same chunk must come after it.
    setImmediate(() => {
      const signal = b & 0x7f;
      const use = { userMs: userUs / 1000, systemMs: systemUs / 1000, maxRssKb };
      this.#exits.get(a)?.(signal === 0 ? { code: (b >> 8) & 0xff, ...use } : { signal, ...use });
      this.#exits.delete(a);
    });
  }
}

/** Pids of all processes below `pid`, parents first, without `pid` and without zombies. */
export function descendantsOf(pid: number): number[] {
  const found: number[] = [];
  for (const child of childrenOf(pid)) {
    if (lives(child)) found.push(child);
    found.push(...descendantsOf(child));
  }
  return found;
}

/** Is there a process of this pid that is no zombie? Its main thread may have ended while others live on. */
export function lives(pid: number): boolean {
  const state = stateOf(pid);
  if (state !== 'Z') return state !== undefined && state !== 'X';
  try {
    return readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // it ended meanwhile
  }
}

/** Kills these; whoever has ended meanwhile is left out. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has just ended
    }
  }
}

/**
 * Waits until all threads of a tree have come to rest: asleep or stopped, in some looks one after the other. What a program
 * has shown may be followed by what it still does: setting signals, closing a pipe, growing its heap.
 */
export async function atRest(pid: number): Promise<void> {
  let calm = 0;
  await waitFor(`process ${pid} and its children to come to rest`, () => {
    calm = [pid, ...descendantsOf(pid)].every((each) => /^[STt]+$/.test(threadStatesOf(each))) ? calm + 1 : 0;
    return calm === 8;
  });
}

/** The letters of all its threads. */
function threadStatesOf(pid: number): string {
  try {
    return readdirSync(`/proc/${pid}/task`).map((tid) => stateOf(Number(tid)) ?? '').join('');
  } catch {
    return ''; // it ended meanwhile
  }
}

/** The letter of /proc/PID/stat (`R`, `S`, `T`, `t`, `Z` …), or nothing where there is no such process. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}
