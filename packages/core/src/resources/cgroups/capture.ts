// cgroups(7): who is in which, and what those are like. In the images' words: a set is what a task has of all hierarchies.
import type { cg_controller_entry, cg_set_entry, cgroup_dir_entry, cgroup_entry, cgroup_prop_entry } from '@criu-ts/images';
import { type CgroupMembership, type ProcTask, readCgroups } from '@criu-ts/kernel/procfs';
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { HostLacks } from '../../errors.js';
import { type Hierarchy, openHierarchy } from './hierarchy.js';
import { type CgroupOptions, modeOf, newRootOf } from './options.js';
import { COMMON_V1, COMMON_V2, MEMBERS, propertyTable, type PropertyTable } from './properties.js';

/** The state of the freezer that the caller named, before we came. */
export interface FreezerState {
  readonly version: 1 | 2;
  readonly frozen: boolean;
  readonly directory: string;
}

export interface CapturedCgroups {
  /** Number of the set of a thread, by its id. */
  readonly setOf: ReadonlyMap<number, number>;
  /** Ours, which the inventory names. */
  readonly ownSet: number;
  /** undefined: all are in our own cgroups, there is nothing to keep. */
  readonly image: cgroup_entry | undefined;
}

/** @throws HostLacks where a hierarchy can't be looked at */
export function captureCgroups(threads: readonly { readonly tid: number; readonly task: ProcTask }[], options: CgroupOptions, freezer: FreezerState | undefined): CapturedCgroups {
  const sets = new CgroupSets(options);
  const own = sets.of('self');
  const setOf = new Map(threads.map(({ tid, task }) => [tid, sets.of(task)]));
  const others = sets.entries.filter(({ id }) => id !== own);
  if (others.length === 0) return { setOf, ownSet: own, image: undefined };
  return { setOf, ownSet: own, image: { sets: others, controllers: describeHierarchies(others, options, freezer) } };
}

class CgroupSets {
  readonly entries: cg_set_entry[] = [];
  readonly #ids = new Map<string, number>();
  readonly #wanted: ReadonlySet<string> | undefined;

  constructor({ cgroupDumpControllers }: CgroupOptions) {
    if (cgroupDumpControllers !== undefined && cgroupDumpControllers.length > 0) this.#wanted = new Set(cgroupDumpControllers);
  }

  of(task: ProcTask): number {
    const ctls = readCgroups(task)
      .map(({ controllers, path }) => ({ name: controllers.join(','), path }))
      .filter(({ name }) => this.#wanted?.has(name) ?? true)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const key = JSON.stringify(ctls);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.entries.length + 1;
    this.#ids.set(key, id);
    this.entries.push({ id, ctls });
    return id;
  }
}

/** All hierarchies with controllers, and the others that are used; each with the cgroups of the sets and what lies below them. */
function describeHierarchies(sets: readonly cg_set_entry[], options: CgroupOptions, freezer: FreezerState | undefined): cg_controller_entry[] {
  const table = propertyTable(options);
  const used = new Set(sets.flatMap(({ ctls }) => ctls.map(({ name }) => name)));
  const all = readCgroups('self').filter((membership) => used.has(nameOf(membership)));
  return all.map((membership) => {
    const name = nameOf(membership);
    const cnames = name === '' ? [''] : [...membership.controllers];
    if (modeOf(options) === 'ignore') return { cnames, dirs: [], isThreaded: false };
    const roots = sets.flatMap(({ ctls }) => ctls.filter((ctl) => ctl.name === name).map((ctl) => newRootOf(options, cnames) ?? ctl.path));
    const opened = tryOpen(name, options.cgroupYard, roots.every((root) => root === membership.path));
    if (opened === undefined) return { cnames, dirs: [], isThreaded: false };
    using hierarchy = opened;
    const tree = new CgroupTree(hierarchy, cnames, table, freezer);
    for (const root of new Set(roots)) tree.add(root);
    const dirs = tree.nested();
    const [head] = dirs;
    if (freezer?.version === 1 && cnames.includes('freezer') && head !== undefined) head.properties.push({ name: 'freezer.state', value: freezer.frozen ? 'FROZEN' : 'THAWED' });
    return { cnames, dirs, isThreaded: tree.threaded };
  });
}

/** One that can't be reached does no harm where the tree is in our own cgroup: it will be in that of whoever restores it. */
function tryOpen(name: string, yard: string | undefined, own: boolean): Hierarchy | undefined {
  try {
    return openHierarchy(name, yard);
  } catch (error) {
    if (own) return undefined;
    throw error;
  }
}

const nameOf = ({ controllers }: CgroupMembership): string => controllers.join(',');

/** Cgroups of one hierarchy, as they are found. */
class CgroupTree {
  threaded = false;
  readonly #hierarchy: Hierarchy;
  readonly #names: readonly string[];
  /** The cgroup that we have thawed. */
  readonly #frozen: Stats | undefined;
  readonly #found = new Map<string, cgroup_dir_entry>();

  constructor(hierarchy: Hierarchy, cnames: readonly string[], table: PropertyTable, freezer: FreezerState | undefined) {
    this.#hierarchy = hierarchy;
    this.#frozen = freezer?.version === 2 && freezer.frozen ? statSync(freezer.directory) : undefined;
    this.#names = [...cnames.flatMap((name) => table.get(name) ?? []), ...(cnames[0] === '' ? COMMON_V2 : COMMON_V1)];
  }

  /** A cgroup and all below it. Who is in the root cgroup does not own what the whole host has below it. */
  add(cgroup: string): void {
    if (this.#found.has(cgroup)) return;
    const directory = this.#hierarchy.pathOf(cgroup);
    this.#found.set(cgroup, { dirName: '', children: [], properties: this.#properties(directory), dirPerms: permsOf(directory) });
    if (cgroup === '/') return;
    for (const entry of readdirSync(directory, { withFileTypes: true })) if (entry.isDirectory()) this.add(path.posix.join(cgroup, entry.name));
  }

  /** As the images have them: each below the nearest one that is known. */
  nested(): cgroup_dir_entry[] {
    const heads: cgroup_dir_entry[] = [];
    const cgroups = [...this.#found.keys()].sort();
    for (const cgroup of cgroups) {
      const entry = this.#found.get(cgroup) as cgroup_dir_entry;
      let parent = cgroup;
      do parent = path.posix.dirname(parent);
      while (parent !== '/' && !this.#found.has(parent));
      const above = cgroup === '/' ? undefined : this.#found.get(parent);
      entry.dirName = path.posix.relative(above === undefined ? '/' : parent, cgroup);
      (above?.children ?? heads).push(entry);
    }
    return heads;
  }

  #properties(directory: string): cgroup_prop_entry[] {
    return this.#names.flatMap((name) => {
      const file = `${directory}/${name}`;
      const value = MEMBERS.has(name) ? memberFile(file) : readProperty(file);
      if (value === undefined) return [];
      if (name === 'tasks' || (name === 'cgroup.type' && value === 'threaded')) this.threaded = true;
      return [{ name, value: name === 'memory.oom_control' ? oomControl(value) : name === 'cgroup.freeze' && this.#wasFrozen(directory) ? '1' : value, perms: permsOf(file) }];
    });
  }

  #wasFrozen(directory: string): boolean {
    if (this.#frozen === undefined) return false;
    const { dev, ino } = statSync(directory);
    return dev === this.#frozen.dev && ino === this.#frozen.ino;
  }
}

const ABSENT: ReadonlySet<string | undefined> = new Set(['ENOENT', 'EOPNOTSUPP', 'ENODEV']);

/** undefined: this kernel has no such file, or it says nothing for this cgroup. */
function readProperty(file: string): string | undefined {
  try {
    return propertyValue(readFileSync(file, 'latin1'));
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code)) return undefined;
    throw new HostLacks('cgroup', `${path.basename(file)} of a cgroup can not be read: ${(error as Error).message}`, { hint: 'run as root, or leave cgroups alone (--manage-cgroups=ignore)', cause: error });
  }
}

function memberFile(file: string): string | undefined {
  return statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : '';
}

const LARGEST = 0x7fff_ffff_ffff_ffffn;

/** The newline at the end goes; what can't be more is written back as -1: no limit. */
export function propertyValue(text: string): string {
  const number = /^\d+/.exec(text)?.[0];
  return number !== undefined && BigInt(number) >= LARGEST ? '-1' : text.replace(/\n$/, '');
}

/** `oom_kill_disable 1` and other lines: what is written back is the number. */
function oomControl(value: string): string {
  return /oom_kill_disable (\d)/.exec(value)?.[1] ?? '0';
}

function permsOf(file: string): { mode: number; uid: number; gid: number } {
  const { mode, uid, gid } = statSync(file);
  return { mode, uid, gid };
}
