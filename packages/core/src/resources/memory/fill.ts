import type { mm_entry } from '@criu-ts/images';
import { MAP, SYS } from '@criu-ts/kernel/abi';
import { Memory, processVmWrite, SyscallFailed } from '@criu-ts/kernel/sys';
import type { Batch, Ref } from '@criu-ts/tracee';
import { bytesOf } from './page-set.js';
import type { StoredPages, StoredRun } from './stored-pages.js';
import { VMA } from './vma-status.js';

/** Which way each run of pages goes into a process. */
export interface FillPlan {
  /** Read by the process itself, straight into place. */
  readonly itself: readonly StoredRun[];
  /** Copied by us on several threads: large runs of anonymous memory. */
  readonly threads: readonly StoredRun[];
}

/** Smaller runs are not worth a call of ours each. */
const LARGE_RUN = 256 * 1024;
/** Less in all is not worth the threads. */
const WORTH_THREADS = 16 * 1024 * 1024;

/** @param runs without the vdso's */
export function planFill(mm: mm_entry, runs: readonly StoredRun[]): FillPlan {
  if (bytesOf(runs.filter(({ length }) => length >= LARGE_RUN)) < WORTH_THREADS) return { itself: runs, threads: [] };
  const itself: StoredRun[] = [];
  const threads: StoredRun[] = [];
  let i = 0;
  for (const run of runs) {
    const end = run.address + run.length;
    for (let at = run.address; at < end; ) {
      while (i < mm.vmas.length && Number(mm.vmas[i]?.end) <= at) i++;
      const vma = mm.vmas[i];
      const to = vma === undefined ? end : Math.min(end, Number(vma.end));
      const part = { address: at, length: to - at, offset: run.offset + at - run.address };
      const large = vma !== undefined && (vma.status & VMA.ANON_PRIVATE) !== 0 && !(vma.flags & MAP.HUGETLB) && part.length >= LARGE_RUN;
      (large ? threads : itself).push(part);
      at = to;
    }
  }
  return bytesOf(threads) >= WORTH_THREADS ? { itself, threads } : { itself: runs, threads: [] };
}

/** Most that one call reads (MAX_RW_COUNT), in whole pages. */
const MOST_READ = 0x4000_0000;
/** Most pieces of memory that one preadv(2) fills (UIO_MAXIOV). */
const MOST_PIECES = 1024;
/** In halves of 64 bits: address and length. */
const IOVEC_WORDS = 4;

/**
 * Has the process read pages as its mappings come to be. Runs that lie one behind the other in the file are read by one call.
 * @param file of pages, in the puppet
 * @returns adds the calls for all runs up to an address
 */
export function pageReader(batch: Batch, file: Ref, runs: readonly StoredRun[]): (to: number) => void {
  const pieces = new Int32Array(Math.min(runs.length, MOST_PIECES) * IOVEC_WORDS);
  let next = 0;
  return (to) => {
    batch.doing('read pages');
    for (;;) {
      const first = runs[next];
      if (first === undefined || first.address + first.length > to) return;
      let count = 0;
      let total = 0;
      for (let run: StoredRun | undefined = first; count < MOST_PIECES && run !== undefined; run = runs[next + count]) {
        if (run.offset !== first.offset + total || total + run.length > MOST_READ || run.address + run.length > to) break;
        const at = count++ * IOVEC_WORDS;
        pieces[at] = run.address;
        pieces[at + 1] = Math.floor(run.address / 0x1_0000_0000);
        pieces[at + 2] = run.length;
        total += run.length;
      }
      if (count > 1) batch.expect(total, SYS.preadv, file, batch.bytes(new Uint8Array(pieces.buffer, 0, count * IOVEC_WORDS * 4)), count, first.offset, 0);
      else readAlone(batch, file, first);
      next += Math.max(count, 1);
    }
  };
}

function readAlone(batch: Batch, file: Ref, { address, length, offset }: StoredRun): void {
  for (let done = 0; done < length; done += MOST_READ) {
    const part = Math.min(MOST_READ, length - done);
    batch.expect(part, SYS.pread64, file, address + done, part, offset + done);
  }
}

const CHUNK = 1024 * 1024;
let buffer: Memory | undefined;

/** Pages that must be decompressed or checked come through us. @param pid of a puppet that can write there */
export function fillThroughUs(pid: number, pages: StoredPages, runs: readonly StoredRun[]): void {
  buffer ??= new Memory(CHUNK);
  for (const { address, length, offset } of runs) {
    for (let done = 0; done < length; ) {
      const part = Math.min(CHUNK, length - done);
      pages.readInto(buffer.bytes.subarray(0, part), offset + done);
      const count = processVmWrite(pid, address + done, buffer.address, part);
      if (count !== part) throw new SyscallFailed(`process_vm_writev(${pid}, 0x${(address + done).toString(16)}, ${part})`, count < 0 ? -count : 14);
      done += part;
    }
  }
}
