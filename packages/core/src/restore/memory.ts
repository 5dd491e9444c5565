import { IMAGE_TYPES, type mm_entry } from '@criu-ts/images';
import { MAP, O, PR, prctl_mm_map, SYS } from '@criu-ts/kernel/abi';
import type { OwnedFd } from '@criu-ts/kernel/sys';
import { type Batch, BLOB, type Ref } from '@criu-ts/tracee';
import { heldVmas, presentPages, rangesOf, regionsOf } from '../resources/memory/heritage.js';
import { restoreAioRings } from '../resources/memory/aio-rings.js';
import { hugeFlags, type HugePageNeeds, needForPrivate, needHugePages } from '../resources/memory/hugetlb.js';
import { mapRings } from '../resources/memory/map-rings.js';
import { filledVmas, mapVmas, protectVmas } from '../resources/memory/map-vmas.js';
import { cutOut, cutRuns, pageSetOf, subtract, toRanges } from '../resources/memory/page-set.js';
import type { StoredPages, StoredRun } from '../resources/memory/stored-pages.js';
import { createSharedMemory, fillSharedMemory } from '../resources/memory/shared-memory.js';
import { attachedSize, attachedSizes, attachSegments, isSystemV } from '../resources/memory/system-v.js';
import { type HostVdso, vmaOf } from '../resources/memory/vdso.js';
import { VMA } from '../resources/memory/vma-status.js';
import { statSegment } from '../system-v/segments.js';
import { dropPages, fileOfMapping, keepOnly, releaseDescriptors, startFilling } from './fill-memory.js';
import { isStored } from './namespaces.js';
import type { RestoreRun, TaskImages } from './run.js';

/** Replaces each puppet's memory by the mappings of its process, pages and all. */
export async function restoreMemory(run: RestoreRun): Promise<void> {
  const sizeOf = segmentSizes(run);
  const atWork: { readonly task: TaskImages; readonly finish: () => void }[] = [];
  const later: (() => void)[] = [];
  for (const task of run.plan.tasks) {
    // They close all descriptors in the end, and their calls lie in their memory: those who share either go one after the other.
    const inTheWay = (one: TaskImages): boolean => one.ids.filesId === task.ids.filesId || one.memory === task.memory;
    while (atWork.length > AT_ONCE || atWork.some((each) => inTheWay(each.task))) atWork.shift()?.finish();
    if (task.memory !== task.pid) {
      run.task(task.pid).puppet.batch(releaseDescriptors);
      continue;
    }
    const pages = run.pages.of(task.pid);
    checkVdso(task, run.vdso, pages);
    atWork.push({ task, finish: await startTaskMemory(run, task, { pages, sizeOf, later }) });
  }
  // Most processes are at work by now.
  for (const fill of later) fill();
  for (const { finish } of atWork) finish();
}

/** Processes that map and read while we see to the next ones; each holds descriptors of ours meanwhile. */
const AT_ONCE = 8;

/** A process that is alone and has more mappings than this maps them on another CPU while we read on in the list of them. */
const WORTH_A_CPU = 1000;

/** Of all processes, and of the memory that they share. */
export function hugePageNeeds(run: RestoreRun): HugePageNeeds {
  const needs: HugePageNeeds = new Map();
  const shared = new Map<bigint, { flags: number; size: number }>();
  for (const { pid, memory, mm } of run.plan.tasks) {
    if (memory !== pid) continue;
    needForPrivate(needs, mm);
    for (const { status, flags, shmid, pgoff, start, end } of mm.vmas) {
      if (!(flags & MAP.HUGETLB) || !(status & VMA.ANON_SHARED) || status & VMA.SYSVIPC) continue;
      const known = shared.get(shmid) ?? { flags, size: 0 };
      shared.set(shmid, { flags, size: Math.max(known.size, Number(pgoff + end - start)) });
    }
  }
  for (const { flags, size } of shared.values()) needHugePages(needs, flags, size);
  for (const { hugetlbFlag, size } of run.images.readIfPresent(IMAGE_TYPES.memfdInode)) if (hugetlbFlag !== undefined) needHugePages(needs, hugetlbFlag, Number(size));
  for (const { message: segment } of run.images.readIfPresent(IMAGE_TYPES.ipcnsShm, ipcNamespaceOf(run))) {
    const { hugetlbFlag, external, desc } = segment;
    if (hugetlbFlag === undefined || external === true) continue;
    if (isStored(run, 'ipc') || statSegment(desc.id) === undefined) needHugePages(needs, hugetlbFlag, attachedSize(segment));
  }
  return needs;
}

/** How many bytes each System V segment of the images takes when it is attached. */
export function segmentSizes(run: RestoreRun): (id: number) => number {
  return attachedSizes(run.images, ipcNamespaceOf(run));
}

const ipcNamespaceOf = ({ plan }: RestoreRun): number => plan.tasks[0]?.ids.ipcNsId ?? 0;

/** @throws HostLacks where the process can't use this kernel's vdso */
export function checkVdso({ mm }: TaskImages, host: HostVdso, pages: StoredPages): void {
  const vdso = vmaOf(mm, VMA.VDSO);
  if (vdso !== undefined) host.check(mm, pages.read(Number(vdso.start), Number(vdso.end - vdso.start)));
}

interface Sources {
  readonly pages: StoredPages;
  readonly sizeOf: (segment: number) => number;
  /** What we are to do when the processes are at work. */
  readonly later: (() => void)[];
}

/** @returns waits until all is there */
async function startTaskMemory(run: RestoreRun, task: TaskImages, { pages, sizeOf, later }: Sources): Promise<() => void> {
  const { puppet } = run.task(task.pid);
  const { blob } = run.plan;
  const parking = blob + BLOB.size;
  const { mm } = task;
  const heritage = run.heritage.get(task.pid);
  const held = heritage === undefined ? [] : heldVmas(mm, regionsOf(heritage));
  const heldRanges = rangesOf(held);
  const stored = fillable(pages.runs, mm);
  const runs = heritage === undefined ? stored : cutRuns(stored, subtract(pageSetOf(stored), presentPages(heritage)));
  const rings = mm.vmas.filter(({ status, shmid }) => (status & VMA.FILE_SHARED) !== 0 && run.files.choosesPlace(Number(shmid)));
  const elsewhere = run.plan.tasks.length > 1 || mm.vmas.length > WORTH_A_CPU ? run.elsewhere(puppet.tracee.tid) : undefined;
  const filled = filledVmas(mm, runs);
  const wait = await startFilling(run, task, puppet, {
    pages,
    runs,
    map(b, bring, mapped) {
      const kept = toRanges(heldRanges);
      keepOnly(b, run, kept);
      if (heritage?.hasHeirs === false) dropPages(b, heldRanges, heritage.keptPages);
      mapRings(b, rings, [{ start: blob, end: parking }, ...run.vdso.parkedAt(parking), ...kept], (vma) => bring(run.files.openForMapping(Number(vma.shmid), O.RDWR)));
      attachSegments(b, mm, sizeOf);
      mapVmas(b, mm, filled, new Set([...rings, ...held]), (vma) => bring(vma.status & VMA.ANON_SHARED ? sharedObject(run, vma.shmid, later) : fileOfMapping(run, vma)), mapped);
      run.vdso.place(b, parking, mm);
      setMm(b, mm, bring(run.files.openForMapping(mm.exeFileId, O.RDONLY)));
    },
    finish(b) {
      protectVmas(b, mm, filled, new Set(held));
      releaseDescriptors(b);
    },
  });
  return () => {
    wait();
    elsewhere?.[Symbol.dispose]();
    restoreAioRings(puppet, mm, pages, task.name);
    run.pages.release(task.pid);
  };
}

/** Made once, of the size that the furthest mapping of it needs; filled later. */
function sharedObject(run: RestoreRun, shmid: bigint, later: (() => void)[]): OwnedFd {
  return run.shared(`shared memory ${shmid}`, () => {
    let size = 0n;
    let huge = 0;
    for (const { mm } of run.plan.tasks) {
      for (const vma of mm.vmas) {
        const end = vma.pgoff + vma.end - vma.start;
        if (!(vma.status & VMA.ANON_SHARED) || isSystemV(vma) || vma.shmid !== shmid) continue;
        huge = hugeFlags(vma.flags);
        if (end > size) size = end;
      }
    }
    const object = run.scope.use(createSharedMemory(Number(size), huge));
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

/** The host's own vdso is there already; rings are the kernel's. */
function fillable(stored: readonly StoredRun[], { vmas }: mm_entry): readonly StoredRun[] {
  let runs = stored;
  for (const { start, end, status } of vmas) if (status & (VMA.VDSO | VMA.AIORING)) runs = cutOut(runs, Number(start), Number(end));
  return runs;
}
