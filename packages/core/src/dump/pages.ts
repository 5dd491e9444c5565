import type { vma_entry } from '@criu-ts/images';
import { ERRNO, O, SEEK, SYS } from '@criu-ts/kernel/abi';
import { isAbsent, listChildren, ProcessGone, readStatus } from '@criu-ts/kernel/procfs';
import { Memory, open, type OwnedFd, preadFully, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';
import { statOf } from '../files/paths.js';
import type { DumpTask } from '../model/dump-task.js';
import { copyFileRuns } from '../resources/memory/file-copier.js';
import { copyPages, prepareCopying } from '../resources/memory/page-copier.js';
import { isHugetlb } from '../resources/memory/hugetlb.js';
import { scanPrivatePages } from '../resources/memory/page-runs.js';
import { guardEntry, hasPrivatePages, PageList, VmaPages } from '../resources/memory/pagemap-entries.js';
import { PagesFile } from '../resources/memory/pages-file.js';
import { PAGE, PE, TASK_SIZE } from '../resources/memory/vma-status.js';
import type { DumpRun, NumberedPages } from './run.js';
import { SharedMemories } from './shared-memories.js';

const ENXIO = 6;

/** Takes as much space as the processes' own memory will need, by what the kernel counts now. */
export function allocatePages(run: DumpRun): void {
  const pids = [run.options.pid];
  // They may be others, and share with others, when they are frozen.
  const memories = new SharedMemories();
  for (let i = 0; i < pids.length; i++) {
    const pid = pids[i] as number;
    try {
      pids.push(...listChildren(pid));
      if (memories.add(pid) !== pid) continue;
      const { kib } = readStatus(pid);
      const bytes = ((kib['RssAnon'] ?? 0) + (kib['VmSwap'] ?? 0)) * 1024;
      newPagesFile(run, pid).file.allocate(bytes);
      prepareCopying(bytes);
    } catch (error) {
      // The tree changes until it is frozen.
      if (!(error instanceof ProcessGone || (error instanceof SyscallFailed && error.errno === ERRNO.ESRCH))) throw error;
    }
  }
}

/** Copies every process's own memory, then each shared memory object once. */
export async function dumpPages(run: DumpRun): Promise<void> {
  const begin = performance.now();
  const lists = run.tasks.filter(({ pid }) => run.vmas.has(pid)).map((task) => ({ task, list: listPages(run, task) }));
  const total = lists.reduce((sum, { list }) => sum + list.bytes, 0);
  let done = 0;
  let told = begin;
  const onProgress = (bytes: number): void => {
    done += bytes;
    const now = performance.now();
    if (now - told < PROGRESS_INTERVAL) return;
    told = now;
    run.emit({ type: 'progress', stage: 'pages', done, total });
  };
  run.stats.memdumpTime = Math.round((performance.now() - begin) * 1000);
  for (const { task, list } of lists) {
    const pages = run.pagesFiles.get(task.pid) ?? newPagesFile(run, task.pid);
    const offset = pages.file.append(list.bytes);
    await copyPages({ pid: task.pid, runs: list.runs, file: pages.file.fd, offset, onProgress });
    run.pages.set(task.pid, { list, file: pages });
    run.stats.pagesWritten += list.pages;
  }
  for (const [shmid, procPath] of run.sharedMemory) dumpShared(run, shmid, procPath);
  run.emit({ type: 'progress', stage: 'pages', done: total, total });
  run.stats.memwriteTime = Math.round((performance.now() - begin) * 1000) - run.stats.memdumpTime;
}

/** Milliseconds between two progress events. */
const PROGRESS_INTERVAL = 20;

function newPagesFile(run: DumpRun, pid: number): NumberedPages {
  const pages = numberedPages(run);
  run.pagesFiles.set(pid, pages);
  return pages;
}

function numberedPages(run: DumpRun): NumberedPages {
  const id = run.nextId('pages');
  return { id, file: run.scope.use(new PagesFile(run.imagesDirectory, `pages-${id}.img`)) };
}

function listPages(run: DumpRun, task: DumpTask): PageList {
  const vmas = run.vmas.get(task.pid) ?? [];
  const pages = new VmaPages(vmas);
  using pagemap = openPagemap(task.pid);
  const guards: vma_entry[] = [];
  scanPrivatePages(
    pagemap,
    vmas.filter(hasPrivatePages),
    (start, end) => pages.add(start, end),
    (start, end) => void guards.push(guardEntry(start, end)),
    { start: 0, end: TASK_SIZE },
  );
  // Known only now, and told as mappings behind all others, as CRIU has it.
  if (guards.length > 0) run.mms.get(task.pid)?.vmas.push(...guards);
  run.stats.pagesScanned += vmas.reduce((sum, { start, end }) => sum + (end - start) / PAGE, 0);
  return pages.finish();
}

function openPagemap(pid: number): OwnedFd {
  try {
    return open(`/proc/${pid}/pagemap`, O.RDONLY);
  } catch (error) {
    if (isAbsent(error)) throw new ProcessGone(String(pid), { cause: error });
    throw error;
  }
}

/** What of a shared memory object was ever written: tmpfs tells by SEEK_DATA, hugetlbfs not at all. */
function dumpShared(run: DumpRun, shmid: bigint, procPath: string): void {
  using object = open(procPath, O.RDONLY);
  const pages = numberedPages(run);
  const list = new PageList();
  if (isHugetlb(object)) listHugePages(object, list);
  else for (let at = 0; ; ) {
    const start = rawSyscall(SYS.lseek, object.number, at, SEEK.DATA);
    if (start === -ENXIO) break;
    if (start < 0) throw new SyscallFailed(`lseek(${procPath}, SEEK_DATA)`, -start);
    const hole = rawSyscall(SYS.lseek, object.number, start, SEEK.HOLE);
    if (hole < 0) throw new SyscallFailed(`lseek(${procPath}, SEEK_HOLE)`, -hole);
    // A file may end within a page.
    const end = Math.ceil(hole / PAGE) * PAGE;
    list.add(start, end, PE.PRESENT);
    at = end;
  }
  const { runs } = list;
  for (let i = 0; i < runs.length; i += 2) {
    const length = runs[i + 1] as number;
    copyFileRuns(object, runs[i] as number, pages.file.fd, pages.file.append(length), length);
    run.stats.shpagesWritten += length / PAGE;
  }
  run.sharedPages.set(shmid, { list, file: pages });
}

/** What holds nothing but zeros need not be there: then its pages are taken when they are needed. */
function listHugePages(object: OwnedFd, list: PageList): void {
  const size = Number(statOf(object).size);
  const memory = new Memory(LOOK);
  const zeros = Buffer.alloc(LOOK);
  for (let at = 0; at < size; at += LOOK) {
    const count = preadFully(object, memory.address, Math.min(LOOK, size - at), at);
    if (zeros.compare(memory.bytes, 0, count, 0, count) !== 0) list.add(at, at + count, PE.PRESENT);
  }
}

/** Bytes; every huge page has a multiple of it. */
const LOOK = 64 * 1024;
