// Files of /proc about descriptors and threads of the tree itself: they can be opened when those are there, and no sooner.
import type { fdinfo_entry, file_entry } from '@criu-ts/images';
import { F, O, SYS } from '@criu-ts/kernel/abi';
import type { Ref } from '@criu-ts/tracee';
import { toCriuError } from '../errors.js';
import { setOwner } from '../files/fown.js';
import { isAboutParts, processOf } from '../files/own-proc.js';
import type { RestoreTask } from '../resources/contexts.js';
import type { FileStore } from './file-store.js';

/** Whether it is a file of /proc that a process of the tree brings with it. */
export function isOfTree({ reg }: file_entry, pids: ReadonlySet<number>): boolean {
  const pid = reg === undefined || reg.ext === true ? undefined : processOf(reg.name);
  return pid !== undefined && pids.has(pid);
}

/** Numbers of the files that are about what a process of the tree does not have yet while its files are opened. */
export function ownFiles(store: FileStore, pids: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set<number>();
  for (const [id, entry] of store.all()) if (isOfTree(entry, pids) && isAboutParts(entry.reg?.name ?? '')) found.add(id);
  return found;
}

/** Puts such files at their numbers, among descriptors that stand. @param free no descriptor has this number or a higher one */
export function installOwnFiles(task: RestoreTask, entries: readonly fdinfo_entry[], store: FileStore, free: number): void {
  task.puppet.batch((batch) => {
    // The lowest number may be one that is wanted: nothing stays there.
    const lift = (low: Ref): Ref => {
      const high = batch.call(SYS.fcntl, low, F.DUPFD_CLOEXEC, free);
      batch.call(SYS.close, low);
      return high;
    };
    batch.doing('reach our process');
    const us = lift(batch.call(SYS.pidfd_open, process.pid, 0));
    for (const id of new Set(entries.map((entry) => entry.id))) {
      batch.doing(`install ${store.describe(id)}`);
      const file = lift(batch.call(SYS.pidfd_getfd, us, openFor(task, id, store), 0));
      const fown = store.fown(id);
      for (const { fd, flags } of entries.filter((entry) => entry.id === id)) {
        batch.expect(fd, SYS.dup3, file, fd, (flags & 1) !== 0 ? O.CLOEXEC : 0);
        if (fown !== undefined) setOwner(batch, fd, fown);
      }
      batch.call(SYS.close, file);
    }
    batch.call(SYS.close, us);
  });
}

function openFor(task: RestoreTask, id: number, store: FileStore): number {
  try {
    return store.open(id).number;
  } catch (error) {
    throw toCriuError(error, { doing: `restore ${store.describe(id)}`, task: task.name });
  }
}
