// /proc/PID/cgroup (cgroups(7)).
import { fieldsOf, linesOf, decimal } from './lines.js';
import { decodePath } from './path-text.js';
import { type ProcTask, readProc } from './read.js';

export interface CgroupMembership {
  /** 0: the unified hierarchy (v2). */
  readonly hierarchy: number;
  /** Controllers ("cpu", "memory") or "name=systemd"; empty for v2. */
  readonly controllers: readonly string[];
  /** From the root of the reader's cgroup namespace; begins with "/.." outside of it; " (deleted)" may follow. */
  readonly path: string;
}

/** @throws ProcessGone, ProcFormatError */
export function readCgroups(task: ProcTask): CgroupMembership[] {
  return parseCgroups(decodePath(readProc(task, 'cgroup')));
}

/** @throws ProcFormatError */
export function parseCgroups(text: string): CgroupMembership[] {
  return linesOf(text).map((line) => {
    const [hierarchy, controllers, path] = fieldsOf('cgroup', line, /^(\d+):([^:]*):(\/.*)$/s);
    return {
      hierarchy: decimal('cgroup', hierarchy),
      controllers: controllers === '' ? [] : (controllers as string).split(','),
      path: path as string,
    };
  });
}
