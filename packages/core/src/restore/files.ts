import { type fdinfo_entry, IMAGE_TYPES } from '@criu-ts/images';
import { F, RLIMIT, SYS } from '@criu-ts/kernel/abi';
import { type Batch, BatchFailed } from '@criu-ts/tracee';
import { type CriuError, HostLacks, throwProblems, toCriuError } from '../errors.js';
import type { RestoreContext, RestoreTask } from '../resources/contexts.js';
import type { FileConnectContext } from '../resources/file-kind.js';
import { type LeasedFile, takeLock } from '../files/file-locks.js';
import { NO_OWNER, setOwner } from '../files/fown.js';
import { type DescriptorStep, planDescriptors, type WantedDescriptor } from './descriptor-plan.js';
import type { FileStore } from './file-store.js';
import { installOwnFiles, ownFiles } from './own-files.js';

/** A process and the number of its descriptor table (`files_id` of its ids). */
export interface TaskWithFiles {
  readonly task: RestoreTask;
  readonly filesId: number;
}

/** Files are opened and handed over so many at a time: our own descriptors are limited too. */
const AT_ONCE = 256;

/** Descriptors of all tasks; then what needs all of them to stand. */
export function restoreFiles(tasks: readonly TaskWithFiles[], store: FileStore, at: RestoreContext): void {
  const all = wantedBy(tasks, at);
  checkAll(all, store);
  const later = ownFiles(store, new Set(tasks.map(({ task }) => task.pid)));
  const wanted = later.size === 0 ? all : all.map(({ entries, ...rest }) => ({ ...rest, entries: entries.filter(({ id }) => !later.has(id)) }));
  const tables = distinct(wanted);
  const users = countUsers(tables.map(({ entries }) => entries));
  for (const { task, entries } of tables) installDescriptors(task, entries, store, users);
  store.finishOpening();
  connectAll(wanted, store, at);
  lockAll(wanted, store, at);
}

/** Those files that {@link restoreFiles} has left out: to be called when all threads are there. */
export function restoreOwnFiles(tasks: readonly TaskWithFiles[], store: FileStore, at: RestoreContext): void {
  const own = ownFiles(store, new Set(tasks.map(({ task }) => task.pid)));
  if (own.size === 0) return;
  for (const { task, entries } of distinct(wantedBy(tasks, at))) {
    const due = entries.filter(({ id }) => own.has(id));
    if (due.length === 0) continue;
    const free = Math.max(...entries.map(({ fd }) => fd)) + 1;
    task.puppet.batch((batch) => allowDescriptor(batch, free + 2));
    installOwnFiles(task, due, store, free);
  }
  store.finish();
}

function wantedBy(tasks: readonly TaskWithFiles[], at: RestoreContext): Wanted[] {
  return tasks.map(({ task, filesId }) => ({ task, filesId, entries: at.images.readIfPresent(IMAGE_TYPES.fdinfo, filesId) }));
}

/** Who shares a table with somebody before has the same descriptors. */
function distinct(wanted: readonly Wanted[]): Wanted[] {
  return wanted.filter(({ filesId }, i) => wanted.findIndex((other) => other.filesId === filesId) === i);
}

type Wanted = TaskWithFiles & { readonly entries: readonly fdinfo_entry[] };

/** Everything that is known to fail, at once. */
function checkAll(tasks: readonly Wanted[], store: FileStore): void {
  const problems: CriuError[] = [];
  const seen = new Set<number>();
  for (const { task, entries } of tasks) {
    for (const { id, fd } of entries) {
      if (seen.has(id)) continue;
      seen.add(id);
      try {
        store.kind(id);
      } catch (error) {
        problems.push(toCriuError(error, { object: `fd ${fd} → ${store.describe(id)}`, task: task.name }));
      }
    }
  }
  throwProblems(problems);
}

/** How many tables hold each file. */
function countUsers(tables: readonly (readonly fdinfo_entry[])[]): Map<number, number> {
  const users = new Map<number, number>();
  for (const entries of tables) for (const id of new Set(entries.map((entry) => entry.id))) users.set(id, (users.get(id) ?? 0) + 1);
  return users;
}

function installDescriptors(task: RestoreTask, entries: readonly fdinfo_entry[], store: FileStore, users: Map<number, number>): void {
  const plan = planDescriptors(entries.map(({ fd, id, flags }): WantedDescriptor => ({ fd, file: id, cloexec: (flags & 1) !== 0 })));
  const highest = Math.max(plan.pidfd, ...entries.map(({ fd }) => fd));
  // Steps of different files are never mixed up by cutting the list: a file's fetch comes before its duplicates.
  const parts = [...slices(plan.steps, AT_ONCE)];
  for (let i = 0; i === 0 || i < parts.length; i++) {
    const steps = parts[i] ?? [];
    task.puppet.batch((batch) => {
      if (i === 0) reachUs(batch, plan.pidfd, highest);
      for (const step of steps) addStep(batch, step, plan.pidfd, task, store);
      if (i >= parts.length - 1) batch.doing('let our process go').call(SYS.close, plan.pidfd);
    });
    for (const step of steps) {
      if (step.kind !== 'fetch') continue;
      const left = (users.get(step.file) ?? 1) - 1;
      users.set(step.file, left);
      if (left === 0) store.release(step.file);
    }
  }
}

function reachUs(batch: Batch, pidfd: number, highest: number): void {
  batch.doing('close what was inherited').call(SYS.close_range, 0, 0xffff_ffff, 0);
  allowDescriptor(batch, highest);
  batch.doing('reach our process').expect(0, SYS.pidfd_open, process.pid, 0);
  if (pidfd === 0) return;
  batch.expect(pidfd, SYS.fcntl, 0, F.DUPFD_CLOEXEC, pidfd);
  batch.call(SYS.close, 0);
}

/** Numbers that {@link installOwnFiles} needs above all others. */
const RESERVE = 4;

/** Its final limit, which may be lower, is set later. */
function allowDescriptor(batch: Batch, fd: number): void {
  if (fd < 1024 - RESERVE) return;
  const limit = batch.struct(16);
  limit.view.setBigUint64(0, BigInt(fd + 8), true);
  limit.view.setBigUint64(8, BigInt(Math.max(fd + 8, 1024 * 1024)), true);
  batch.doing(`allow descriptor ${fd}`).attempt(SYS.prlimit64, 0, RLIMIT.NOFILE, limit.address, 0);
}

function addStep(batch: Batch, step: DescriptorStep, pidfd: number, task: RestoreTask, store: FileStore): void {
  switch (step.kind) {
    case 'fetch': {
      batch.doing(`install ${store.describe(step.file)}`);
      batch.expect(step.fd, SYS.pidfd_getfd, pidfd, openFor(task, step, store), 0);
      return;
    }
    case 'duplicate':
      batch.expect(step.to, SYS.dup3, step.from, step.to, step.cloexec ? 0o2000000 : 0);
      return;
    case 'inherit':
      batch.expect(0, SYS.fcntl, step.fd, F.SETFD, 0);
      return;
    case 'close':
      batch.expect(0, SYS.close, step.fd);
  }
}

function openFor(task: RestoreTask, { file, fd }: { readonly file: number; readonly fd: number }, store: FileStore): number {
  try {
    return store.open(file).number;
  } catch (error) {
    throw toCriuError(error, { doing: `restore fd ${fd}`, task: task.name });
  }
}

/** Second pass, in the first task that has the file: owners of signals, epoll. */
function connectAll(tasks: readonly Wanted[], store: FileStore, at: RestoreContext): void {
  const done = new Set<number>();
  for (const { task, entries } of tasks) {
    const due = entries.filter(({ id }) => !done.has(id) && needsTask(id, store));
    if (due.length === 0) continue;
    const descriptors = new Set(entries.map(({ fd }) => fd));
    task.puppet.batch((batch) => {
      for (const { id, fd } of due) {
        if (done.has(id)) continue;
        const entry = store.entry(id);
        const kind = store.kind(id);
        const context: FileConnectContext = {
          options: at.options,
          images: at.images,
          emit: (event) => at.emit(event),
          namespacePath: (name, id) => at.namespacePath(name, id),
          shared: (key, make) => at.shared(key, make),
          defer: (undo) => at.defer(undo),
          fd,
          batch,
          hasDescriptor: (other) => descriptors.has(other),
        };
        // A task that lacks what the file watches leaves it to the next one that has the file.
        if (kind.connects !== undefined && !kind.connects(entry, context) && othersHave(id, task, tasks)) continue;
        done.add(id);
        const fown = store.fown(id);
        if (fown !== undefined) setOwner(batch, fd, fown);
        kind.connect?.(entry, context);
      }
    });
  }
}

/** Last: closing any descriptor of a file would take the process's locks on it away. */
function lockAll(tasks: readonly Wanted[], store: FileStore, at: RestoreContext): void {
  const locks = at.images.readIfPresent(IMAGE_TYPES.fileLocks);
  for (const { task, entries } of tasks) {
    const own = locks.filter(({ pid }) => pid === task.pid);
    if (own.length === 0) continue;
    try {
      task.puppet.batch((batch) => {
        for (const lock of own) takeLock(batch, lock, leasedFile(entries.find(({ fd }) => fd === lock.fd)?.id, store));
      });
    } catch (error) {
      if (!(error instanceof BatchFailed) || error.errno !== EAGAIN) throw error;
      throw new HostLacks('file-locked', 'another process holds a lock that the process had', { ...(error.doing !== undefined && { doing: error.doing }), task: task.name, hint: 'end that process (see /proc/locks), or wait for it', cause: error });
    }
  }
}

function leasedFile(id: number | undefined, store: FileStore): LeasedFile {
  return { flags: id === undefined ? 0 : (store.entry(id).reg?.flags ?? 0), fown: (id === undefined ? undefined : store.fown(id)) ?? NO_OWNER };
}

const EAGAIN = 11;

function needsTask(id: number, store: FileStore): boolean {
  const kind = store.kind(id);
  return kind.connect !== undefined || (store.fown(id)?.pid ?? 0) !== 0;
}

function othersHave(id: number, task: RestoreTask, tasks: readonly Wanted[]): boolean {
  const later = tasks.slice(tasks.findIndex((other) => other.task === task) + 1);
  return later.some(({ entries }) => entries.some((entry) => entry.id === id));
}

function* slices<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size);
}
