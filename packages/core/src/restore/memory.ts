import { IMAGE_TYPES, type mm_entry } from '@criu-ts/images';
import { O, PR, prctl_mm_map, SYS, UFFD } from '@criu-ts/kernel/abi';
import { type OwnedFd, pidfdGetfd, pidfdOpen } from '@criu-ts/kernel/sys';
import { type Batch, BLOB, type Ref } from '@criu-ts/tracee';
import { fillByUserfaultfd } from '../resources/memory/userfault-fill.js';
import { fillItself, type FillPlan, fillThroughUs, planFill } from '../resources/memory/fill.js';
import { mapRings } from '../resources/memory/map-rings.js';
import { mapVmas, protectVmas } from '../resources/memory/map-vmas.js';
import { StoredPages, type StoredRun } from '../resources/memory/stored-pages.js';
import { createSharedMemory, fillSharedMemory } from '../resources/memory/shared-memory.js';
import { attachSegments, isSystemV } from '../resources/memory/system-v.js';
import { HostVdso, vmaOf } from '../resources/memory/vdso.js';
import { PAGE, TASK_SIZE, VMA } from '../resources/memory/vma-status.js';
import { Scope } from '../scope.js';
import { PARKING } from './plan.js';
import type { RestoreRun, TaskImages } from './run.js';
import { restoreSystemV, type SystemVSegments } from './system-v.js';

/** Replaces each puppet's memory by the mappings of its process, pages and all. */
export async function restoreMemory(run: RestoreRun): Promise<void> {
  const { seed } = run;
  if (seed === undefined) return;
  const host = new HostVdso(seed.tracee);
  const segments = restoreSystemV(run);
  const filling: Filling[] = [];
  const later: (() => void)[] = [];
  try {
    for (const task of run.plan.tasks) {
      // Who shares a descriptor table with one at work would meet its descriptors there.
      while (filling.some(({ filesId }) => filesId === task.ids.filesId)) filling.shift()?.finish();
      filling.push(await startTaskMemory(run, task, host, segments, later));
      if (filling.length > AT_ONCE) filling.shift()?.finish();
    }
    // Most processes are at work by now.
    for (const fill of later) fill();
    while (filling.length > 0) filling.shift()?.finish();
  } finally {
    for (const each of filling) each[Symbol.dispose]();
  }
  segments.settle();
}

/** Processes that are filled while we see to the next ones; each holds descriptors of ours meanwhile. */
const AT_ONCE = 8;

/** A process whose mappings are being made, and pages read, while we see to the next one. */
interface Filling extends Disposable {
  readonly filesId: number;
  finish(): void;
}

/** @throws HostLacks where the process can't use this kernel's vdso */
export function checkVdso({ mm }: TaskImages, host: HostVdso, pages: StoredPages): void {
  const vdso = vmaOf(mm, VMA.VDSO);
  if (vdso !== undefined) host.check(mm, pages.read(Number(vdso.start), Number(vdso.end - vdso.start)));
}

async function startTaskMemory(run: RestoreRun, task: TaskImages, host: HostVdso, segments: SystemVSegments, later: (() => void)[]): Promise<Filling> {
  const pages = new StoredPages(run.images, IMAGE_TYPES.pagemap, task.pid);
  using scope = new Scope();
  scope.use(pages);
  checkVdso(task, host, pages);
  const { mm, pid } = task;
  const { puppet } = run.task(pid);
  const runs = withoutVdso(pages.runs, mm);
  const plan = planFill(mm, runs);
  // What the process can read itself it reads on the way.
  const alone = plan.threads.length === 0 && (pages.file !== undefined || runs.length === 0);
  const build = (b: Batch): Ref | undefined => buildMemory(b, { run, task, host, segments, later, pages, runs, plan });
  const settle = (b: Batch): void => {
    protectVmas(b, mm, runs);
    // None of them is the process's own: those come later, at their numbers.
    b.doing('close what was needed for mapping').call(SYS.close_range, 0, 0xffff_ffff, 0);
  };
  let finish: () => void = () => undefined;
  if (alone) {
    const elsewhere = run.plan.tasks.length > 1 ? run.elsewhere(puppet.tracee.tid) : undefined;
    const wait = puppet.startBatch((b) => {
      build(b);
      settle(b);
    });
    finish = () => {
      wait();
      elsewhere?.[Symbol.dispose]();
    };
  } else {
    const userfaultfd = puppet.batch((b) => {
      const fault = build(b);
      b.run();
      return fault && b.result(fault);
    });
    if (userfaultfd !== undefined && pages.file !== undefined) await fillOnThreads(run, pid, userfaultfd, pages.file, plan.threads);
    if (pages.file === undefined) fillThroughUs(pid, pages, runs);
    puppet.batch(settle);
  }
  run.stats.pagesRestored += runs.reduce((sum, { length }) => sum + length, 0) / PAGE;
  const held = scope.moveTo(new Scope());
  return {
    filesId: task.ids.filesId,
    finish() {
      using _ended = held;
      finish();
    },
    [Symbol.dispose]: () => held[Symbol.dispose](),
  };
}

interface MemoryToMake {
  readonly run: RestoreRun;
  readonly task: TaskImages;
  readonly host: HostVdso;
  readonly segments: SystemVSegments;
  /** What we are to do when the processes are at work. */
  readonly later: (() => void)[];
  readonly pages: StoredPages;
  readonly runs: readonly StoredRun[];
  readonly plan: FillPlan;
}

/** @returns the call that makes a userfaultfd, where one is needed */
function buildMemory(b: Batch, { run, task: { mm }, host, segments, later, pages, runs, plan }: MemoryToMake): Ref | undefined {
  const { blob } = run.plan;
  const parking = blob + BLOB.size;
  const rings = mm.vmas.filter(({ status, shmid }) => (status & VMA.FILE_SHARED) !== 0 && run.files.choosesPlace(Number(shmid)));
  host.park(b, parking);
  b.doing('empty the address space');
  b.call(SYS.munmap, 0, blob);
  b.call(SYS.munmap, parking + PARKING, TASK_SIZE - parking - PARKING);
  const bring = bringDescriptors(b);
  mapRings(b, rings, [{ start: blob, end: parking }, ...host.parkedAt(parking)], (vma) => bring(run.files.openForMapping(Number(vma.shmid), O.RDWR)));
  attachSegments(b, mm, (id) => segments.sizeOf(id));
  mapVmas(b, mm, runs, new Set(rings), (vma) => bring(vma.status & VMA.ANON_SHARED ? sharedObject(run, vma.shmid, later) : run.files.openForMapping(Number(vma.shmid), vma.fdflags ?? O.RDONLY)));
  host.place(b, parking, mm);
  setMm(b, mm, bring(run.files.openForMapping(mm.exeFileId, O.RDONLY)));
  if (pages.file !== undefined) fillItself(b, bring(pages.file), plan.itself);
  return pages.file !== undefined && plan.threads.length > 0 ? b.doing('make a userfaultfd').call(SYS.userfaultfd, O.CLOEXEC | UFFD.USER_MODE_ONLY) : undefined;
}

async function fillOnThreads(run: RestoreRun, pid: number, remote: number, file: OwnedFd, runs: readonly StoredRun[]): Promise<void> {
  using pidfd = pidfdOpen(pid);
  using userfaultfd = pidfdGetfd(pidfd, remote);
  // Threads inherit the CPUs of whoever starts them, and there is nothing to steer meanwhile.
  using _everywhere = run.unpinned();
  await fillByUserfaultfd(userfaultfd, file, runs);
}

/** Has the puppet fetch descriptors of ours, each once. */
function bringDescriptors(b: Batch): (file: OwnedFd) => Ref {
  b.doing('reach our descriptors');
  const pidfd = b.call(SYS.pidfd_open, process.pid, 0);
  const brought = new Map<OwnedFd, Ref>();
  return (file) => {
    let ref = brought.get(file);
    if (ref === undefined) {
      ref = b.doing('fetch a descriptor').call(SYS.pidfd_getfd, pidfd, file.number, 0);
      brought.set(file, ref);
    }
    return ref;
  };
}

/** Made once, of the size that the furthest mapping of it needs; filled later. */
function sharedObject(run: RestoreRun, shmid: bigint, later: (() => void)[]): OwnedFd {
  return run.shared(`shared memory ${shmid}`, () => {
    let size = 0n;
    for (const { mm } of run.plan.tasks) {
      for (const vma of mm.vmas) {
        const end = vma.pgoff + vma.end - vma.start;
        if (vma.status & VMA.ANON_SHARED && !isSystemV(vma) && vma.shmid === shmid && end > size) size = end;
      }
    }
    const object = run.scope.use(createSharedMemory(Number(size)));
    later.push(() => void (run.stats.pagesRestored += fillSharedMemory(run.images, shmid, object)));
    return object;
  });
}

/** prctl(PR_SET_MM_MAP): refused while a mapping of the old executable is there. */
function setMm(b: Batch, mm: mm_entry, exe: Ref): void {
  b.room(2, 1024);
  const auxv = Buffer.alloc(mm.mmSavedAuxv.length * 8);
  mm.mmSavedAuxv.forEach((word, i) => auxv.writeBigUInt64LE(word, i * 8));
  const auxvAt = b.bytes(auxv);
  const map = b.struct(prctl_mm_map.size);
  prctl_mm_map.write(map.view, 0, {
    start_code: Number(mm.mmStartCode),
    end_code: Number(mm.mmEndCode),
    start_data: Number(mm.mmStartData),
    end_data: Number(mm.mmEndData),
    start_brk: Number(mm.mmStartBrk),
    brk: Number(mm.mmBrk),
    start_stack: Number(mm.mmStartStack),
    arg_start: Number(mm.mmArgStart),
    arg_end: Number(mm.mmArgEnd),
    env_start: Number(mm.mmEnvStart),
    env_end: Number(mm.mmEnvEnd),
    auxv: auxvAt,
    auxv_size: auxv.length,
    exe_fd: EXE_FD,
  });
  // exe_fd is known only when the batch runs: the descriptor gets a number of its own first.
  b.doing('give the executable its number').call(SYS.dup3, exe, EXE_FD, 0);
  b.doing('set the layout of the address space').call(SYS.prctl, PR.SET_MM, PR.SET_MM_MAP, map.address, prctl_mm_map.size, 0);
}

/** Above what mapping needs; below any limit that a puppet may have inherited. */
const EXE_FD = 1000;

/** The host's own vdso is there already. */
function withoutVdso(stored: readonly StoredRun[], mm: mm_entry): readonly StoredRun[] {
  const vdso = vmaOf(mm, VMA.VDSO);
  if (vdso === undefined) return stored;
  const [start, end] = [Number(vdso.start), Number(vdso.end)];
  return stored.flatMap((run) => {
    const runEnd = run.address + run.length;
    if (runEnd <= start || end <= run.address) return [run];
    const parts: StoredRun[] = [];
    if (run.address < start) parts.push({ ...run, length: start - run.address });
    if (end < runEnd) parts.push({ address: end, length: runEnd - end, offset: run.offset + end - run.address });
    return parts;
  });
}
