import type { CriuError } from '../errors.js';
import { DumpFiles } from '../dump/files.js';
import type { DumpOptions, RestoreOptions } from '../options.js';
import { FileStore } from '../restore/file-store.js';
import { restoreFiles } from '../restore/files.js';
import { restoreFsInfo } from '../restore/fs-info.js';
import { TestDump, TestRestore } from './contexts.js';
import type { Subject } from './puppets.js';

/** Dumps the files of processes into memory. @throws the first problem */
export function dumpFiles(subjects: readonly Subject[], options: Partial<DumpOptions> = {}): TestDump {
  const at = new TestDump(options);
  const files = new DumpFiles(at);
  for (const subject of subjects) files.addTask(subject);
  files.judge();
  if (at.problems[0] !== undefined) throw at.problems[0];
  files.capture();
  at.write();
  return at;
}

/** What stands in the way of a dump. */
export function problemsOf(subjects: readonly Subject[], options: Partial<DumpOptions> = {}): CriuError[] {
  const at = new TestDump(options);
  const files = new DumpFiles(at);
  for (const subject of subjects) files.addTask(subject);
  files.judge();
  return at.problems;
}

/** Makes blank processes have the files of the dumped ones (`pids`), in the order in which these were dumped. */
export function restoreInto(subjects: readonly Subject[], dumped: TestDump, pids: readonly number[], options: Partial<RestoreOptions> = {}): void {
  using at = new TestRestore(dumped.images, options);
  const store = new FileStore(at);
  const tasks = subjects.map(({ pid, name, puppet }, i) => ({ task: { pid: pids[i] ?? pid, name, puppet }, filesId: 2 + i }));
  restoreFiles(tasks, store, at);
  for (const { task } of tasks) restoreFsInfo(task, store, at);
  store.finish();
}
