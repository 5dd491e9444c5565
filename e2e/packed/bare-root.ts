import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitFor } from '../harness/wait.js';

/** Programs of the bare system, and that is all it has: no compiler, no emscripten, no protoc, no repository. */
const PROGRAMS = ['sh', 'env', 'sleep', 'setsid', 'cat', 'mv', 'umount'] as const;
const DEVICES = ['null', 'zero', 'random', 'urandom', 'tty'] as const;

export interface Outcome {
  readonly code: number | null;
  /** stdout and stderr */
  readonly output: string;
}

/**
 * A root directory with Node, npm and a handful of programs, in mount, pid and network namespaces of its own: the machine
 * of a user, offline. `/home` is a folder that is seen from outside too. All of it goes away with the process behind it.
 */
export class BareRoot {
  /** `/home`, as seen from outside. */
  readonly home: string;
  readonly #dir = mkdtempSync(path.join(tmpdir(), 'criu-ts-bare-'));
  readonly #init: ChildProcess;
  #pid = 0;

  private constructor() {
    this.home = path.join(this.#dir, 'home');
    mkdirSync(this.home);
    const script = path.join(this.#dir, 'build.sh');
    writeFileSync(script, this.#script());
    this.#init = spawn('unshare', ['--mount', '--pid', '--net', '--propagation', 'private', '--fork', '--kill-child', 'sh', '-e', script], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  static async make(): Promise<BareRoot> {
    const bare = new BareRoot();
    const ready = path.join(bare.home, 'ready');
    try {
      await waitFor('the bare root to stand', () => existsSync(ready), 30_000);
    } catch (error) {
      await bare[Symbol.asyncDispose]();
      throw error;
    }
    rmSync(ready);
    // unshare's child is the first process in there.
    bare.#pid = Number(execFileSync('ps', ['-o', 'pid=', '--ppid', String(bare.#init.pid)], { encoding: 'utf8' }));
    return bare;
  }

  /** Runs a program in there, as root or as another user, who has no capabilities. */
  run(argv: readonly string[], { cwd = '/home', env = {}, user, timeoutMs = 120_000 }: { readonly cwd?: string; readonly user?: number; readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {}): Outcome {
    const inside = ['-t', String(this.#pid), '--mount', '--pid', '--net', '--root', `--wd=/proc/${this.#pid}/root${cwd}`, ...(user === undefined ? [] : [`--setgid=${user}`, `--setuid=${user}`])];
    const run = spawnSync('nsenter', [...inside, '/bin/env', '-i', ...Object.entries({ ...ENVIRONMENT, ...env }).map(([name, value]) => `${name}=${value}`), ...argv], { encoding: 'utf8', timeout: timeoutMs, killSignal: 'SIGKILL' });
    return { code: run.status, output: `${run.stdout}${run.stderr}${run.error?.message ?? ''}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#init.once('exit', resolve));
    if (this.#init.exitCode === null) {
      this.#init.kill('SIGKILL');
      await ended;
    }
    // Whatever lived in there is killed by the kernel with the first process.
    if (this.#pid !== 0) await waitFor('the bare root to be empty', () => !existsSync(`/proc/${this.#pid}`), 30_000);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** What the first process does: builds the root, moves into it, and reaps orphans from then on. */
  #script(): string {
    const root = path.join(this.#dir, 'root');
    mkdirSync(root);
    const npm = path.resolve(realpathSync(which('npm')), '../..');
    const programs = [...PROGRAMS.map((name) => [which(name), `/bin/${name}`] as const), [process.execPath, '/bin/node'] as const];
    const libraries = new Set(programs.flatMap(([file]) => librariesOf(file)));
    const binds = [...programs, ...[...libraries].map((file) => [realpathSync(file), file] as const), ...DEVICES.map((name) => [`/dev/${name}`, `/dev/${name}`] as const)];
    return [
      `mount -t tmpfs bare ${root}`,
      `cd ${root}`,
      'mkdir -p bin dev proc sys tmp home root usr old lib/node_modules/npm',
      'ln -s ../bin usr/bin',
      ...binds.map(([from, to]) => `mkdir -p .${path.dirname(to)}; : >.${to}; mount --bind ${from} .${to}`),
      `mount --bind ${npm} lib/node_modules/npm; mount -o remount,bind,ro lib/node_modules/npm`,
      'for name in npm npx; do ln -s ../lib/node_modules/npm/bin/$name-cli.js bin/$name; done',
      `mount --bind ${this.home} home`,
      'mount -t proc proc proc',
      'mount -t sysfs -o ro sysfs sys',
      'mkdir dev/pts; mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts; ln -s pts/ptmx dev/ptmx',
      'pivot_root . old',
      'cd /',
      'export PATH=/bin',
      'exec /bin/sh -c \'umount -l /old; : >/home/ready; while :; do sleep 1; done\'',
    ].join('\n');
  }
}

const ENVIRONMENT = { PATH: '/bin', HOME: '/root', npm_config_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false' };

function which(name: string): string {
  return realpathSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim());
}

/** Shared libraries and the dynamic loader that a program wants, by the names under which it does. */
function librariesOf(file: string): string[] {
  const text = spawnSync('ldd', [file], { encoding: 'utf8' }).stdout;
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}
