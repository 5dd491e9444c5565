// What is done to a puppet's memory, whether it is to be its own in the end or what it hands down.
import type { vma_entry } from '@criu-ts/images';
import { MADV, O, SYS, UFFD } from '@criu-ts/kernel/abi';
import { type OwnedFd, pidfdGetfd, pidfdOpen } from '@criu-ts/kernel/sys';
import { type Batch, BLOB, type Puppet, type Ref } from '@criu-ts/tracee';
import { fillThroughUs, pageReader, planFill } from '../resources/memory/fill.js';
import { gaps, type Range } from '../resources/memory/map-rings.js';
import { bytesOf, type PageSet, subtract } from '../resources/memory/page-set.js';
import type { StoredPages, StoredRun } from '../resources/memory/stored-pages.js';
import { fillByUserfaultfd } from '../resources/memory/userfault-fill.js';
import { PAGE } from '../resources/memory/vma-status.js';
import { PARKING } from './plan.js';
import type { RestoreRun, TaskImages } from './run.js';

/** Gives a puppet a descriptor of ours, each once. */
export type Bring = (file: OwnedFd) => Ref;

/** Empties the address space but for these ranges, our own code, and the vdso where it is parked. */
export function keepOnly(batch: Batch, run: RestoreRun, ranges: readonly Range[]): void {
  const { blob } = run.plan;
  batch.doing('empty the address space');
  for (const { start, end } of gaps([{ start: blob, end: blob + BLOB.size + PARKING }, ...ranges], 0)) batch.call(SYS.munmap, start, end - start);
}

/** Of what was inherited, only these pages stay. */
export function dropPages(batch: Batch, ranges: PageSet, kept: PageSet): void {
  const dropped = subtract(ranges, kept);
  batch.doing('drop inherited pages');
  for (let i = 0; i < dropped.length; i += 2) batch.call(SYS.madvise, dropped[i] as number, (dropped[i + 1] as number) - (dropped[i] as number), MADV.DONTNEED);
}

/** Has the puppet fetch descriptors of ours, each once. */
export function bringDescriptors(batch: Batch): Bring {
  batch.doing('reach our descriptors');
  const pidfd = batch.call(SYS.pidfd_open, process.pid, 0);
  const brought = new Map<OwnedFd, Ref>();
  return (file) => {
    let ref = brought.get(file);
    if (ref === undefined) {
      ref = batch.doing('fetch a descriptor').call(SYS.pidfd_getfd, pidfd, file.number, 0);
      brought.set(file, ref);
    }
    return ref;
  };
}

/** None of them is the process's own: those come later, at their numbers. */
export function releaseDescriptors(batch: Batch): void {
  batch.doing('close what was inherited or needed for mapping').call(SYS.close_range, 0, 0xffff_ffff, 0);
}

/** The file of a private mapping, or of a shared one of a file. */
export function fileOfMapping(run: RestoreRun, { shmid, fdflags }: vma_entry): OwnedFd {
  return run.files.openForMapping(Number(shmid), fdflags ?? O.RDONLY);
}

/** Pages on their way into a puppet. */
export interface Filling {
  readonly pages: StoredPages;
  /** Those of them that are wanted. */
  readonly runs: readonly StoredRun[];
  /** Adds the calls that make room for them. @param mapped may be told, on the way, up to which address all is there */
  map(batch: Batch, bring: Bring, mapped: (to: number) => void): void;
  /** Adds those that come when they are there. */
  finish(batch: Batch): void;
}

/** Makes mappings and fills them, each page the way that is the fastest. */
export async function mapAndFill(run: RestoreRun, task: TaskImages, puppet: Puppet, filling: Filling): Promise<void> {
  (await startFilling(run, task, puppet, filling))();
}

/**
 * As {@link mapAndFill}, but where the puppet does all itself it is still at it when this returns.
 * @returns waits for it; to be called while no batch is being built
 */
export async function startFilling(run: RestoreRun, { mm }: TaskImages, puppet: Puppet, { pages, runs, map, finish }: Filling): Promise<() => void> {
  const { file } = pages;
  const { pid } = puppet.tracee;
  const plan = planFill(mm, runs);
  run.stats.pagesRestored += bytesOf(runs) / PAGE;
  const build = (b: Batch): void => {
    const bring = bringDescriptors(b);
    const read = file !== undefined && plan.itself.length > 0 ? pageReader(b, bring(file), plan.itself) : () => undefined;
    map(b, bring, read);
    read(Infinity);
  };
  if (plan.threads.length === 0 && (file !== undefined || runs.length === 0)) {
    return puppet.startBatch((b) => {
      build(b);
      finish(b);
    });
  }
  const userfaultfd = puppet.batch((b) => {
    build(b);
    const fault = file !== undefined && plan.threads.length > 0 ? b.doing('make a userfaultfd').call(SYS.userfaultfd, O.CLOEXEC | UFFD.USER_MODE_ONLY) : undefined;
    b.run();
    return fault && b.result(fault);
  });
  if (userfaultfd !== undefined && file !== undefined) await fillOnThreads(run, pid, userfaultfd, file, plan.threads);
  if (file === undefined) fillThroughUs(pid, pages, runs);
  puppet.batch(finish);
  return () => undefined;
}

async function fillOnThreads(run: RestoreRun, pid: number, remote: number, file: OwnedFd, runs: readonly StoredRun[]): Promise<void> {
  using pidfd = pidfdOpen(pid);
  using userfaultfd = pidfdGetfd(pidfd, remote);
  // Threads inherit the CPUs of whoever starts them, and there is nothing to steer meanwhile.
  using _everywhere = run.unpinned();
  await fillByUserfaultfd(userfaultfd, file, runs);
}
