// The freezers of cgroups: freezer.state (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst), cgroup.freeze (cgroup-v2.rst)
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { HostLacks } from '../../errors.js';
import type { FreezerState } from './capture.js';
import { listDirectory } from './directories.js';

const FILES = [
  { version: 1, name: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' },
  { version: 2, name: 'cgroup.freeze', frozen: '1', thawed: '0' },
] as const;

/** A cgroup that the caller named, with its freezer. */
export class CgroupFreezer {
  /** As it was when we came. */
  readonly found: FreezerState;
  readonly #file: (typeof FILES)[number];
  #thawed = false;

  /** @param directory a cgroup, where it is mounted @throws HostLacks where it has no freezer */
  constructor(directory: string) {
    const file = FILES.find(({ name }) => existsSync(`${directory}/${name}`));
    if (file === undefined) throw new HostLacks('freezer', `there is no freezer in ${directory}`, { why: 'it has neither freezer.state nor cgroup.freeze', hint: 'name a cgroup of the freezer hierarchy, or of v2, but not its root (--freeze-cgroup)' });
    this.#file = file;
    // FREEZING, too: somebody wants it frozen.
    const state = readFileSync(`${directory}/${file.name}`, 'latin1').trim();
    this.found = { version: file.version, frozen: state !== file.thawed, directory };
  }

  /** Lets a frozen one go, once everybody in it has been told to stop. */
  thaw(): void {
    if (!this.found.frozen) return;
    this.#write(this.#file.thawed);
    this.#thawed = true;
  }

  /** For the case that whoever was in it is dead: an empty one stays thawed, so that a restore can enter it. */
  refreezeOthers(): void {
    if (this.members().length > 0) this.refreeze();
    this.#thawed = false;
  }

  /** As it was. */
  refreeze(): void {
    if (!this.#thawed) return;
    this.#thawed = false;
    this.#write(this.#file.frozen);
  }

  /** Pids of all processes in it, and in those below. */
  members(): number[] {
    return listDirectory(this.found.directory).flatMap((directory) => readFileSync(`${directory}/cgroup.procs`, 'latin1').split('\n').filter((line) => line !== '').map(Number));
  }

  #write(value: string): void {
    writeFileSync(`${this.found.directory}/${this.#file.name}`, value);
  }
}
