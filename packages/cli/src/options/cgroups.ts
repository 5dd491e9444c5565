import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { CommonOptions } from '@criu-ts/core';
import { UsageError } from '../usage-error.js';
import type { Values } from './table.js';

type CgroupOptions = Pick<CommonOptions, 'manageCgroups' | 'cgroupRoots' | 'cgroupProps' | 'cgroupDumpControllers' | 'cgroupYard'>;

const MODES = ['none', 'props', 'soft', 'full', 'strict', 'ignore'] as const;

/** What the options say of cgroups. @param workDir where a yard's path begins, as it does for CRIU @throws UsageError */
export function cgroupOptions(values: Values, cwd: string, workDir: string): CgroupOptions {
  const props = [...texts(values['cgroup-props']), ...texts(values['cgroup-props-file']).map((file) => readProps(path.resolve(cwd, file)))];
  return {
    ...(values['manage-cgroups'] !== undefined && { manageCgroups: modeOf(values['manage-cgroups']) }),
    ...(values['cgroup-root'] !== undefined && { cgroupRoots: values['cgroup-root'].map(parseCgroupRoot) }),
    ...(props.length > 0 && { cgroupProps: props }),
    ...(values['cgroup-dump-controller'] !== undefined && { cgroupDumpControllers: values['cgroup-dump-controller'] }),
    ...(values['cgroup-yard'] !== undefined && { cgroupYard: path.resolve(workDir, values['cgroup-yard']) }),
  };
}

const texts = (value: string | undefined): string[] => (value === undefined ? [] : [value]);

function modeOf(given: string): (typeof MODES)[number] {
  const mode = given === '' ? 'soft' : MODES.find((one) => one === given);
  if (mode === undefined) throw new UsageError(`invalid argument for --manage-cgroups: ${given} (it is one of ${MODES.join(', ')})`);
  return mode;
}

/** `/a/b`, or `cpu:/a/b` for one hierarchy. */
export function parseCgroupRoot(text: string): { readonly controller?: string; readonly path: string } {
  const [, controller, root] = /^(?:([^:]*):)?(.*)$/s.exec(text) ?? [];
  if (root === undefined || !root.startsWith('/')) throw new UsageError(`invalid argument for --cgroup-root: ${text} (it is [CONTROLLER:]/PATH)`);
  return { ...(controller !== undefined && { controller }), path: root };
}

function readProps(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the properties of cgroups: ${(error as Error).message}`);
  }
}
