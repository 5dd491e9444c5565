import { mkdirSync, readFileSync, rmdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where a hierarchy is mounted: of v1 the one with this controller, of v2 ''. undefined: nowhere. */
export function cgroupMount(controller: string): string | undefined {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [, , , root, mountPoint, , ...rest] = line.split(' ');
    const [type, , options = ''] = rest.slice(rest.indexOf('-') + 1);
    if (root === '/' && (controller === '' ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes(controller))) return mountPoint;
  }
  return undefined;
}

/** The cgroup of a thread in that hierarchy, from its root. */
export function cgroupOf(task: number | string, controller: string): string | undefined {
  for (const line of readFileSync(`/proc/${task}/cgroup`, 'utf8').split('\n')) {
    const [, id, names, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (controller === '' ? id === '0' : names?.split(',').includes(controller) === true) return path;
  }
  return undefined;
}

/** A cgroup of a test's own, with those below it; disposal takes them away, when nobody is left in them. */
export class TestCgroup implements AsyncDisposable {
  readonly controller: string;
  /** From the root of the hierarchy. */
  readonly path: string;
  readonly directory: string;

  /** @throws where the hierarchy isn't mounted, or may not be written */
  constructor(controller: string, path: string) {
    this.controller = controller;
    this.path = path;
    this.directory = `${cgroupMount(controller) ?? '/none'}${path}`;
  }

  make(below = ''): void {
    mkdirSync(`${this.directory}${below}`, { recursive: true });
  }

  get exists(): boolean {
    return statSync(this.directory, { throwIfNoEntry: false }) !== undefined;
  }

  read(file: string): string {
    return readFileSync(`${this.directory}/${file}`, 'utf8').trim();
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  /** Waits until nobody is left in it: a cgroup keeps its dead until they are seen off. */
  async remove(): Promise<void> {
    for (let tries = 0; this.exists; tries++) {
      try {
        removeAll(this.directory);
      } catch (error) {
        if (tries === 500) throw error;
        await sleep(10);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

function removeAll(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) removeAll(`${directory}/${entry.name}`);
  rmdirSync(directory);
}

/** Why cgroups of that hierarchy can't be tested here; false where they can. */
export function cgroupSkip(controller: string): string | false {
  const title = controller === '' ? 'cgroup v2' : `the cgroup v1 hierarchy of ${controller}`;
  if (cgroupMount(controller) === undefined) return `${title} is not mounted`;
  const probe = new TestCgroup(controller, `/criu-ts-probe-${process.pid}`);
  try {
    probe.make();
    removeAll(probe.directory);
    return false;
  } catch (error) {
    return `${title} can't be written: ${(error as Error).message}`;
  }
}
