import { IMAGE_TYPES } from '@criu-ts/images';
import { HostLacks, ImageCorrupt, Unsupported } from '../errors.js';
import { MARCH } from '../resources/cpu/x86-64.js';
import { planRestore } from './plan.js';
import type { RestoreRun, TaskImages } from './run.js';

/** 1 and 2 differ in where CRIU kept its sockets' queues long ago. */
const VERSIONS = [1, 2];

/** Reads what decides how the tree is made. */
export function openImages(run: RestoreRun): void {
  const { images } = run;
  run.inventory = images.readOne(IMAGE_TYPES.inventory);
  if (!VERSIONS.includes(run.inventory.imgVersion)) {
    throw new Unsupported('image', `images of version ${run.inventory.imgVersion} are not known`, { object: 'inventory.img', hint: 'use the program that wrote them, or a newer criu-ts' });
  }
  const tree = images.read(IMAGE_TYPES.pstree);
  if (tree.length === 0) throw new ImageCorrupt('it names no process', { object: 'pstree.img' });
  const tasks = tree.map((entry): TaskImages => {
    const core = images.readOne(IMAGE_TYPES.core, entry.pid);
    if (core.mtype !== MARCH || core.threadInfo === undefined) throw new HostLacks('cpu', 'the images are of another architecture', { object: `core-${entry.pid}.img`, hint: 'restore them on a host of the same architecture' });
    if (core.tc === undefined) throw new ImageCorrupt('there is nothing about the process in it', { object: `core-${entry.pid}.img` });
    const name = { pid: entry.pid, comm: core.tc.comm };
    const threads = new Map(entry.threads.map((tid) => [tid, tid === entry.pid ? core : images.readOne(IMAGE_TYPES.core, tid)]));
    return { pid: entry.pid, name, tree: entry, core, threads, ids: images.readOne(IMAGE_TYPES.ids, entry.pid), mm: images.readOne(IMAGE_TYPES.mm, entry.pid) };
  });
  run.plan = planRestore(tasks);
}
