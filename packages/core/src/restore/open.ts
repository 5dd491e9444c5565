import { IMAGE_TYPES, type ImageSet } from '@criu-ts/images';
import { HostLacks, ImageCorrupt, Unsupported } from '../errors.js';
import { MARCH } from '../resources/cpu/x86-64.js';
import { checkAddresses, checkThreads } from './check-images.js';
import { checkNamespaces } from './namespaces.js';
import { planRestore } from './plan.js';
import { mainHasEnded, TASK_STATE } from '../resources/task/index.js';
import type { DeadImages, RestoreRun, TaskImages } from './run.js';

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
  const tasks: TaskImages[] = [];
  const dead: DeadImages[] = [];
  for (const entry of tree) {
    const { pid } = entry;
    const core = images.readOne(IMAGE_TYPES.core, pid);
    if (core.mtype !== MARCH) throw new HostLacks('cpu', 'the images are of another architecture', { object: `core-${pid}.img`, hint: 'restore them on a host of the same architecture' });
    if (core.tc === undefined) throw new ImageCorrupt('there is nothing about the process in it', { object: `core-${pid}.img` });
    const common = { pid, name: { pid, comm: core.tc.comm }, tree: entry, core };
    if (core.tc.taskState === TASK_STATE.DEAD) dead.push(common);
    else tasks.push(openTask(images, common, tasks));
  }
  run.plan = planRestore(tasks, dead);
  checkNamespaces(run);
}

function openTask(images: ImageSet, common: DeadImages, before: readonly TaskImages[]): TaskImages {
  const { pid, tree, core } = common;
  if (mainHasEnded(core) && tree.threads.length < 2) throw new ImageCorrupt('its main thread has ended, and there is no other', { object: `core-${pid}.img` });
  if (core.threadInfo === undefined && !mainHasEnded(core)) throw new ImageCorrupt('its registers are missing', { object: `core-${pid}.img` });
  checkThreads(tree);
  const threads = new Map(tree.threads.map((tid) => [tid, tid === pid ? core : images.readOne(IMAGE_TYPES.core, tid)]));
  const ids = images.readOne(IMAGE_TYPES.ids, pid);
  // Who shares memory has none in the images but the first of them.
  const sharer = images.has(IMAGE_TYPES.mm, pid) ? undefined : before.find((task) => task.ids.vmId === ids.vmId);
  if (sharer !== undefined) return { ...common, threads, ids, memory: sharer.memory, mm: sharer.mm };
  const mm = images.readOne(IMAGE_TYPES.mm, pid);
  checkAddresses(mm, pid);
  return { ...common, threads, ids, memory: pid, mm };
}
