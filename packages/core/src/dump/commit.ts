import { fileName, IMAGE_TYPES, type inventory_entry, lsmtype, pageFileNames, RAW_IMAGE_TYPES, writePagemap } from '@criu-ts/images';
import { NodeDirectory } from '@criu-ts/images/node';
import { ERRNO, SYS } from '@criu-ts/kernel/abi';
import { rawSyscall, scratch, SyscallFailed } from '@criu-ts/kernel/sys';
import { readFileSync } from 'node:fs';
import { ownIds, taskIds } from '../resources/identity.js';
import { coresOf, seccompFilters, zombieCore } from '../resources/task/index.js';
import type { DumpedPages, DumpRun } from './run.js';
import { treeImage } from './tree.js';

const IMG_VERSION = 2;

/** Writes the images; the inventory last. */
export function commitImages(run: DumpRun): void {
  const { images } = run;
  // While it is missing the set counts as incomplete, whatever an older dump left here.
  images.directory.remove('inventory.img');
  for (const task of run.tasks) {
    const { id, pid } = task;
    images.write(IMAGE_TYPES.ids, id, [taskIds({ ...run.memory.ids(pid), ...run.files.sharedIds(pid) }, run.namespaces.own)]);
    for (const [tid, core] of coresOf(task)) images.write(IMAGE_TYPES.core, tid, [core]);
    const mm = run.mms.get(pid);
    if (mm !== undefined) images.write(IMAGE_TYPES.mm, id, [mm]);
    writePages(run, IMAGE_TYPES.pagemap, id, run.pages.get(pid));
  }
  for (const { pid, stat, status } of run.dead) images.write(IMAGE_TYPES.core, pid, [zombieCore(stat, status)]);
  for (const [shmid, pages] of run.sharedPages) writePages(run, IMAGE_TYPES.shmemPagemap, shmid, pages);
  images.write(IMAGE_TYPES.pstree, undefined, treeImage(run));
  images.write(IMAGE_TYPES.seccomp, undefined, [{ seccompFilters: seccompFilters(run) }]);
  run.writeCollected();
  images.write(IMAGE_TYPES.inventory, undefined, [inventory(run.ownCgroups)]);
  run.failureScope.forget();
}

function writePages(run: DumpRun, type: typeof IMAGE_TYPES.pagemap | typeof IMAGE_TYPES.shmemPagemap, id: number | bigint, pages: DumpedPages | undefined): void {
  if (pages === undefined) return;
  const { file, id: pagesId } = pages.file;
  file.commit();
  const { directory } = run.images;
  if (directory instanceof NodeDirectory) directory.noteCreated(fileName(RAW_IMAGE_TYPES.pages, pagesId));
  // Of an older dump: a reader would take them for this one's.
  const { lz4, crc } = pageFileNames(pagesId);
  for (const name of [lz4, crc]) {
    const result = rawSyscall(SYS.unlinkat, run.imagesDirectory.number, scratch.putString(name), 0);
    if (result < 0 && result !== -ERRNO.ENOENT) throw new SyscallFailed(`unlinkat("${name}")`, -result);
  }
  writePagemap(run.images, type, id, pages.list.pagemap(pagesId));
}

function inventory(ownCgroups: number): inventory_entry {
  return {
    imgVersion: IMG_VERSION,
    fdinfoPerId: true,
    rootIds: ownIds(),
    nsPerId: true,
    rootCgSet: ownCgroups,
    lsmtype: lsmtype.NO_LSM,
    networkLockMethod: 0,
    pluginsEntry: { plugins: [] },
    // The kernel's own (random(4)): node:crypto would cost 8 ms at start.
    dumpCriuRunId: readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim(),
  };
}
