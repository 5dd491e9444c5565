// Cgroups made, or found, again: cgroups(7); the modes are those of criu(8), --manage-cgroups.
import type { cg_controller_entry, cg_set_entry, cgroup_dir_entry, cgroup_entry, cgroup_perms, cgroup_prop_entry } from '@criu-ts/images';
import { readCgroups } from '@criu-ts/kernel/procfs';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HostLacks, ImageCorrupt, Unsupported } from '../../errors.js';
import { type Hierarchy, hierarchyTitle, openHierarchy } from './hierarchy.js';
import { type CgroupMode, type CgroupOptions, modeOf, newRootOf } from './options.js';
import { AT_BIRTH, MEMBERS } from './properties.js';
import { rewriteRoot } from './rewrite.js';

/** A property to be written once all members are there. */
interface Pending {
  readonly directory: string;
  readonly property: cgroup_prop_entry;
}

/** The cgroups of one restore: made first, filled with processes, limited when all of them are in, frozen when they run. */
export class RestoredCgroups implements Disposable {
  readonly #image: cgroup_entry;
  readonly #mode: CgroupMode;
  readonly #yard: string | undefined;
  /** Where we are, by hierarchy. */
  readonly #own = new Map(readCgroups('self').map(({ controllers, path }) => [controllers.join(','), path]));
  readonly #hierarchies = new Map<string, Hierarchy>();
  /** Absolute paths of those that we made, parents first. */
  readonly #made: string[] = [];
  readonly #pending: Pending[] = [];
  readonly #freezers: Pending[] = [];

  /** Finds or makes all cgroups of the image. @throws HostLacks, and takes away again what it made */
  constructor(image: cgroup_entry, options: CgroupOptions) {
    this.#image = image;
    this.#mode = modeOf(options);
    this.#yard = options.cgroupYard;
    try {
      for (const controller of image.controllers) this.#prepare(controller, options);
    } catch (error) {
      this.removeMade();
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Takes away the cgroups that were made here; they must be empty. */
  removeMade(): void {
    for (const directory of this.#made.reverse()) rmdirSync(directory);
    this.#made.length = 0;
  }

  /** Puts a process, or one thread of it, into the cgroups of a set. @param task `from`: the set that it is in, where that is not ours */
  move(setId: number, task: { readonly pid: number; readonly from?: number } | { readonly tid: number; readonly from: number }): void {
    const set = this.#set(setId);
    const before = task.from === undefined ? undefined : this.#set(task.from);
    for (const { name, path: cgroup, cgnsPrefix } of set.ctls) {
      if ((cgnsPrefix ?? 0) > 0) throw new Unsupported('namespace', 'cgroup namespaces are not supported yet', { object: 'cgroup.img' });
      if (before?.ctls.find((ctl) => ctl.name === name)?.path === cgroup) continue;
      // It is in ours; a hierarchy that the host has not, and whose root it was, is nobody's loss.
      if (before === undefined && (this.#own.get(name) ?? '/') === cgroup) continue;
      const directory = this.#hierarchyOf(name).pathOf(cgroup);
      const [file, id] = 'pid' in task ? ['cgroup.procs', task.pid] : [name === '' ? 'cgroup.threads' : 'tasks', task.tid];
      write(`${directory}/${file}`, String(id), `put ${id} into the cgroup ${cgroup} of ${hierarchyTitle(name)}`);
    }
  }

  /** Puts a process that is in the cgroups of a set into ours. */
  bringHome(from: number, pid: number): void {
    for (const { name, path: cgroup } of this.#set(from).ctls) {
      const own = this.#own.get(name) ?? '/';
      if (own !== cgroup) write(`${this.#hierarchyOf(name).pathOf(own)}/cgroup.procs`, String(pid), `put ${pid} into the cgroup ${own} of ${hierarchyTitle(name)}`);
    }
  }

  /** Limits and the like, when nobody has to come in any more. */
  writeProperties(): void {
    for (const { directory, property } of this.#pending) writeProperty(directory, property);
  }

  /** When all have been let go: they stand still again. */
  freeze(): void {
    for (const { directory, property } of this.#freezers) writeProperty(directory, property);
  }

  [Symbol.dispose](): void {
    for (const hierarchy of this.#hierarchies.values()) hierarchy[Symbol.dispose]();
    this.#hierarchies.clear();
  }

  #set(id: number): cg_set_entry {
    const set = this.#image.sets.find((one) => one.id === id);
    if (set === undefined) throw new ImageCorrupt(`there is no set ${id} of cgroups`, { object: 'cgroup.img' });
    return set;
  }

  #hierarchyOf(name: string): Hierarchy {
    let hierarchy = this.#hierarchies.get(name);
    if (hierarchy === undefined) {
      hierarchy = openHierarchy(name, this.#yard);
      this.#hierarchies.set(name, hierarchy);
    }
    return hierarchy;
  }

  #prepare({ cnames, dirs }: cg_controller_entry, options: CgroupOptions): void {
    const name = cnames.join(',');
    const newRoot = newRootOf(options, cnames);
    const moved = newRoot === undefined ? dirs : rewriteRoot(this.#image, cnames, dirs, newRoot);
    // The root of a hierarchy is always there.
    for (const dir of moved) if (dir.dirName !== '' || dir.children.length > 0) this.#prepareDirectory(this.#hierarchyOf(name), name, '', dir);
  }

  #prepareDirectory(hierarchy: Hierarchy, name: string, above: string, dir: cgroup_dir_entry): void {
    const cgroup = path.posix.join('/', above, dir.dirName);
    if (cgroup !== '/') {
      const directory = hierarchy.pathOf(cgroup);
      const object = `cgroup ${cgroup} of ${hierarchyTitle(name)}`;
      const found = statSync(directory, { throwIfNoEntry: false }) !== undefined;
      if (found && this.#mode === 'strict') throw new HostLacks('cgroup-exists', 'it is there already', { object, why: '--manage-cgroups=strict allows none', hint: 'remove it, or use another mode' });
      if (!found && (this.#mode === 'none' || this.#mode === 'props')) throw new HostLacks('cgroup-missing', 'it is not there', { object, why: `--manage-cgroups=${this.#mode} makes none`, hint: 'make it first, or use another mode' });
      if (!found) this.#make(hierarchy, name, cgroup);
      if (this.#mode !== 'none') setPerms(directory, dir.dirPerms);
      if (!found) for (const property of dir.properties) if (AT_BIRTH.has(property.name)) writeAtBirth(directory, property);
      if (!found || this.#mode === 'props' || this.#mode === 'full') this.#later(directory, dir.properties);
    }
    for (const child of dir.children) this.#prepareDirectory(hierarchy, name, cgroup, child);
  }

  #make(hierarchy: Hierarchy, name: string, cgroup: string): void {
    const above = path.posix.dirname(cgroup);
    if (above !== '/' && statSync(hierarchy.pathOf(above), { throwIfNoEntry: false }) === undefined) {
      this.#make(hierarchy, name, above);
      if (name.split(',').includes('cpuset')) inheritCpuset(hierarchy.pathOf(above));
    }
    const directory = hierarchy.pathOf(cgroup);
    try {
      mkdirSync(directory, 0o755);
    } catch (error) {
      throw new HostLacks('cgroup', `it can not be made: ${(error as Error).message}`, { object: `cgroup ${cgroup} of ${hierarchyTitle(name)}`, hint: 'run as root, choose another place (--cgroup-root DIR), or leave cgroups alone (--manage-cgroups=ignore)', cause: error });
    }
    this.#made.push(directory);
  }

  #later(directory: string, properties: readonly cgroup_prop_entry[]): void {
    for (const property of properties) {
      if (AT_BIRTH.has(property.name)) continue;
      const freezes = property.name === 'freezer.state' || (property.name === 'cgroup.freeze' && property.value === '1');
      (freezes ? this.#freezers : this.#pending).push({ directory, property });
    }
  }
}

/** A cpuset without CPUs or memory takes no members: what lies between has what is above it. */
function inheritCpuset(directory: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) write(`${directory}/${name}`, readFileSync(`${directory}/../${name}`, 'latin1').trim(), `set ${name}`);
}

function writeAtBirth(directory: string, property: cgroup_prop_entry): void {
  const { name, value } = property;
  // What a new one has; before 3.16 it could not be written with use_hierarchy.
  if ((name === 'memory.swappiness' && value === '60') || (name === 'memory.oom_control' && value === '0')) return;
  if (name === 'cgroup.type' && value !== 'threaded') return;
  if (name !== 'devices.list') return writeProperty(directory, property);
  // The list can only be read; each write takes one line.
  write(`${directory}/devices.deny`, 'a', 'deny all devices');
  for (const line of value.split('\n')) if (line !== '') write(`${directory}/devices.allow`, line, `allow the device ${line}`);
}

function writeProperty(directory: string, { name, value, perms }: cgroup_prop_entry): void {
  const file = `${directory}/${name}`;
  if (name !== 'freezer.state') setPerms(file, perms);
  if (MEMBERS.has(name)) return;
  if (name === 'cgroup.subtree_control') return writeSubtreeControl(file, value);
  if (name === 'net_prio.ifpriomap') return writePriorities(file, value);
  try {
    write(file, value, `set ${name} to ${value}`);
  } catch (error) {
    // The kernel has given it up (6.2), and tells so in this way.
    if (name !== 'memory.kmem.limit_in_bytes' || causeOf(error) !== 'EOPNOTSUPP') throw error;
  }
}

function writeSubtreeControl(file: string, value: string): void {
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
  const now = words(readFileSync(file, 'latin1'));
  const wanted = words(value);
  const changes = [...now.filter((word) => !wanted.includes(word)).map((word) => `-${word}`), ...wanted.filter((word) => !now.includes(word)).map((word) => `+${word}`)];
  if (changes.length > 0) write(file, changes.join(' '), `set cgroup.subtree_control to ${value}`);
}

/** A line an interface; the host may have others, and 0 is what all have. */
function writePriorities(file: string, value: string): void {
  for (const line of value.split('\n')) {
    if (line === '' || / 0$/.test(line)) continue;
    try {
      writeFileSync(file, line);
    } catch {
      // No such interface here.
    }
  }
}

function setPerms(file: string, perms: cgroup_perms | undefined): void {
  if (perms === undefined) return;
  const { mode, uid, gid } = statSync(file);
  if (uid !== perms.uid || gid !== perms.gid) chownSync(file, perms.uid, perms.gid);
  if ((mode & 0o7777) !== (perms.mode & 0o7777)) chmodSync(file, perms.mode & 0o7777);
}

function write(file: string, text: string, doing: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new HostLacks('cgroup', `could not ${doing}: ${(error as Error).message}`, { hint: 'leave cgroups alone (--manage-cgroups=ignore), or choose what is kept (--cgroup-props)', cause: error });
  }
}

const causeOf = (error: unknown): string | undefined => ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
