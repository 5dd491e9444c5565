import { type fs_entry, IMAGE_TYPES } from '@criu-ts/images';
import { O, SYS } from '@criu-ts/kernel/abi';
import type { RestoreContext, RestoreTask } from '../resources/contexts.js';
import type { FileStore } from './file-store.js';

/** Root, working directory and umask (fs-PID.img). Needs two free descriptors in the task: it takes and gives them back. */
export function restoreFsInfo(task: RestoreTask, store: FileStore, at: RestoreContext): void {
  const [entry] = at.images.readIfPresent(IMAGE_TYPES.fs, task.pid);
  if (entry !== undefined) becomeFs(task, entry, store);
}

function becomeFs(task: RestoreTask, entry: fs_entry, store: FileStore): void {
  const cwd = store.openForMapping(entry.cwdId, O.PATH | O.DIRECTORY);
  const rootName = store.entry(entry.rootId).reg?.name;
  // The usual root needs no call, and a chroot(2) that changes nothing still needs the capability.
  const root = rootName === '/' ? undefined : store.openForMapping(entry.rootId, O.PATH | O.DIRECTORY);
  task.puppet.batch((batch) => {
    const ours = batch.doing('restore root and working directory').call(SYS.pidfd_open, process.pid, 0);
    if (root !== undefined) {
      const fd = batch.call(SYS.pidfd_getfd, ours, root.number, 0);
      batch.call(SYS.fchdir, fd);
      batch.call(SYS.chroot, batch.string('.'));
      batch.call(SYS.close, fd);
    }
    const fd = batch.call(SYS.pidfd_getfd, ours, cwd.number, 0);
    batch.call(SYS.fchdir, fd);
    batch.call(SYS.close, fd);
    batch.call(SYS.close, ours);
    if (entry.umask !== undefined) batch.call(SYS.umask, entry.umask);
  });
}
