import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile } from './programs.js';
import { Shepherd, type Exit } from './shepherd.js';
import type { Tool } from './tool.js';
import { Victim } from './victim.js';

export interface ToolRun extends Exit {
  readonly argv: readonly string[];
  /** stdout and stderr. */
  readonly output: string;
  /** What it wrote to its `-o` file, or nothing. */
  readonly log: string;
  readonly ms: number;
}

export interface RunToolOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Called when the tool runs, with its pid. */
  readonly meanwhile?: (pid: number) => Promise<void> | void;
}

export interface WorkspaceOptions {
  readonly privateMounts?: boolean;
  /** With /dev/pts/N of its own: nobody else takes the number of a terminal between its dump and its restore. */
  readonly ownTerminals?: boolean;
}

const MOUNT_TERMINALS = 'mount -t devpts -o newinstance,gid=5,mode=0620,ptmxmode=0666 devpts /dev/pts; mount --bind /dev/pts/ptmx /dev/ptmx';

/** A test's own folder and flock. Disposing of it kills all its processes and removes the folder, also after a failure. */
export class Workspace {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-e2e-'));
  readonly shepherd: Shepherd;
  readonly #afterwards: (() => void)[] = [];
  #runs = 0;

  constructor({ privateMounts = false, ownTerminals = false }: WorkspaceOptions = {}) {
    this.shepherd = new Shepherd(privateMounts || ownTerminals, ownTerminals ? MOUNT_TERMINALS : '');
    chmodSync(this.dir, 0o755); // victims without privileges look for their go file
  }

  /** A new folder below the workspace. */
  folder(name: string): string {
    const dir = path.join(this.dir, name);
    mkdirSync(dir, { recursive: true });
    return dir;
  }

  /** Takes away what programs leave outside of the folder when they are killed; called when all of them are gone. */
  afterwards(tidy: () => void): void {
    this.#afterwards.push(tidy);
  }

  /** Starts a program of `programs/` and waits until it says `ready`. */
  async start(name: string, args: readonly string[] = []): Promise<Victim> {
    const victim = await this.launch([compile(name), ...args], name);
    await victim.ready();
    return victim;
  }

  /** Starts any program in a session of its own, in a folder of its own, with its output in a file there. */
  async launch(argv: readonly string[], name = path.basename(argv[0] ?? '')): Promise<Victim> {
    const dir = this.folder(`${name}-${this.#runs++}`);
    const go = path.join(dir, 'go');
    const out = path.join(dir, 'out');
    writeFileSync(out, '');
    const job = await this.shepherd.run(['/usr/bin/env', `E2E_GO=${go}`, ...argv], { cwd: dir, out, session: true });
    return new Victim({ name, dir, out, go, pid: job.pid, exit: job.exit });
  }

  /** Runs a command of the system's, as the shell would. @throws where it fails */
  async shell(command: string): Promise<void> {
    const run = await this.run({ name: 'sh', command: ['/bin/sh', '-c'], isPeer: false }, [command]);
    if (run.code !== 0) throw new Error(describeRun(run));
  }

  /** `tool dump -t PID -D DIR -o dump.log -v4 …` */
  dump(tool: Tool, pid: number, images: string, args: readonly string[] = [], options: RunToolOptions = {}): Promise<ToolRun> {
    return this.run(tool, ['dump', '-t', String(pid), '-D', images, '-o', 'dump.log', '-v4', ...args], options);
  }

  /** `tool restore -D DIR -d -o restore.log -v4 …` */
  restore(tool: Tool, images: string, args: readonly string[] = [], options: RunToolOptions = {}): Promise<ToolRun> {
    return this.run(tool, ['restore', '-D', images, '-d', '-o', 'restore.log', '-v4', ...args], options);
  }

  async run(tool: Tool, args: readonly string[], options: RunToolOptions = {}): Promise<ToolRun> {
    const out = path.join(this.dir, `tool-${this.#runs++}.out`);
    const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const argv = [...(env.length > 0 ? ['/usr/bin/env', ...env] : []), ...tool.command, ...args];
    const begin = performance.now();
    const job = await this.shepherd.run(argv, { cwd: this.dir, out });
    await options.meanwhile?.(job.pid);
    const timeout = new AbortController();
    const exit = await Promise.race([
      job.exit,
      sleep(90_000, undefined, { signal: timeout.signal }).then(() => {
        process.kill(job.pid, 'SIGKILL');
        throw new Error(`hung, killed after 90 s: ${argv.join(' ')}\n${readOr(out)}`);
      }),
    ]);
    timeout.abort();
    const ms = performance.now() - begin;
    return { ...exit, argv, ms, output: readOr(out), log: this.#logOf(args) };
  }

  #logOf(args: readonly string[]): string {
    const value = (option: string): string | undefined => {
      const at = args.lastIndexOf(option);
      return at < 0 ? undefined : args[at + 1];
    };
    const log = value('-o');
    const dir = value('-W') ?? value('-D');
    return log === undefined || dir === undefined ? '' : readOr(path.join(dir, log));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shepherd[Symbol.asyncDispose]();
    for (const tidy of this.#afterwards) tidy();
    // For a look at the images after a failure.
    if (process.env['E2E_KEEP'] !== undefined) console.error(`# kept ${this.dir}`);
    else rmSync(this.dir, { recursive: true, force: true });
  }
}

/** The text of a file, or '' where there is none. */
function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** What a failed run has to tell: its command, its exit, the end of its output and log. */
export function describeRun(run: ToolRun, lines = 15): string {
  const tail = (text: string): string => text.trimEnd().split('\n').slice(-lines).join('\n');
  const exit = run.signal === undefined ? `exit code ${run.code}` : `signal ${run.signal}`;
  return [`${run.argv.join(' ')}: ${exit}`, tail(run.output), '--- log:', tail(run.log)].join('\n');
}
