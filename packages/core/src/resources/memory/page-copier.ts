import { O, SYS } from '@criu-ts/kernel/abi';
import { describeCall, Memory, open, type OwnedFd, poolSyscall, preadFully, pwriteFully, rawSyscall, SyscallFailed } from '@criu-ts/kernel/sys';

/** Bytes copied at once by a thread. Larger ones win over the way through the event loop more than they lose to the caches. */
const CHUNK = 8 * 1024 * 1024;
/** The same where there is not much to copy. */
const SMALL_CHUNK = 1024 * 1024;
/** IOV_MAX */
const MOST_IOVECS = 1024;
const IOVEC_SIZE = 16;
/** Below this much the threads of the pool cost more than they save. */
const WORTH_THREADS = 8 * 1024 * 1024;
/** While one reads the other writes; writing takes the file's lock, and a third would only spin for it. */
const SLOTS = 2;
const EIO = 5;

interface Slot {
  readonly buffer: Memory;
  readonly iovecs: Memory;
}

const slots: Slot[] = [];
let small: Slot | undefined;

const newSlot = (size: number): Slot => ({ buffer: new Memory(size), iovecs: new Memory((MOST_IOVECS + 1) * IOVEC_SIZE) });

/** Allocates what copying so many bytes needs, while nobody stands still for it yet. */
export function prepareCopying(bytes: number): void {
  if (bytes < WORTH_THREADS) small ??= newSlot(SMALL_CHUNK);
  else while (slots.length < SLOTS) slots.push(newSlot(CHUNK));
}

/** Memory of one process, as runs of pages, on its way to a file. */
export interface CopyJob {
  readonly pid: number;
  /** Pairs: address, bytes. */
  readonly runs: readonly number[];
  readonly file: OwnedFd;
  /** Where in the file the first run goes; the others follow without gaps. */
  readonly offset: number;
  /** Bytes done since the last call. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Copies memory of a (stopped) process into a file, by process_vm_readv(2) and pwrite(2), on two threads where it is
 * much. What can't be read that way (PROT_NONE) comes through /proc/PID/mem.
 */
export async function copyPages(job: CopyJob): Promise<void> {
  const cursor = new RunCursor(job.runs);
  if (cursor.total < WORTH_THREADS) {
    const own = (small ??= newSlot(SMALL_CHUNK));
    for (let chunk = cursor.fill(own); chunk !== undefined; chunk = cursor.fill(own)) {
      const count = rawSyscall(SYS.process_vm_readv, job.pid, own.iovecs.address, 1, own.iovecs.address + IOVEC_SIZE, chunk.iovecs, 0);
      if (count !== chunk.length) readThroughMem(job, chunk, own);
      pwriteFully(job.file, own.buffer.address, chunk.length, job.offset + chunk.offset);
      job.onProgress?.(chunk.length);
    }
    return;
  }
  prepareCopying(cursor.total);
  const results = await Promise.allSettled(slots.map((own) => pump(job, cursor, own)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function pump(job: CopyJob, cursor: RunCursor, own: Slot): Promise<void> {
  for (let chunk = cursor.fill(own); chunk !== undefined; chunk = cursor.fill(own)) {
    const count = await poolSyscall(SYS.process_vm_readv, job.pid, own.iovecs.address, 1, own.iovecs.address + IOVEC_SIZE, chunk.iovecs, 0);
    if (count !== chunk.length) readThroughMem(job, chunk, own);
    const at = job.offset + chunk.offset;
    const written = await poolSyscall(SYS.pwrite64, job.file.number, own.buffer.address, chunk.length, at);
    // Rare: again in full, which tells the errno too.
    if (written !== chunk.length) pwriteFully(job.file, own.buffer.address, chunk.length, at);
    job.onProgress?.(chunk.length);
  }
}

interface Chunk {
  /** From the beginning of the job. */
  readonly offset: number;
  readonly length: number;
  readonly iovecs: number;
}

/** Cuts runs into chunks and writes their iovecs: the local one first. */
class RunCursor {
  readonly total: number;
  readonly #runs: readonly number[];
  #index = 0;
  #inRun = 0;
  #offset = 0;

  constructor(runs: readonly number[]) {
    this.#runs = runs;
    this.total = runs.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
  }

  /** The next chunk, its iovecs in the slot; undefined at the end. */
  fill({ buffer, iovecs }: Slot): Chunk | undefined {
    const offset = this.#offset;
    let length = 0;
    let count = 0;
    while (this.#index < this.#runs.length && length < buffer.size && count < MOST_IOVECS) {
      const start = (this.#runs[this.#index] as number) + this.#inRun;
      const left = (this.#runs[this.#index + 1] as number) - this.#inRun;
      const take = Math.min(left, buffer.size - length);
      setIovec(iovecs.view, count + 1, start, take);
      length += take;
      count++;
      if (take === left) {
        this.#index += 2;
        this.#inRun = 0;
      } else this.#inRun += take;
    }
    if (length === 0) return undefined;
    setIovec(iovecs.view, 0, buffer.address, length);
    this.#offset += length;
    return { offset, length, iovecs: count };
  }
}

function setIovec(view: DataView, index: number, address: number, length: number): void {
  view.setBigUint64(index * IOVEC_SIZE, BigInt(address), true);
  view.setUint32(index * IOVEC_SIZE + 8, length, true);
  view.setUint32(index * IOVEC_SIZE + 12, 0, true);
}

/** /proc/PID/mem reads whatever the process could make readable (FOLL_FORCE, fs/proc/base.c). */
function readThroughMem(job: CopyJob, chunk: Chunk, { buffer, iovecs }: Slot): void {
  using mem = open(`/proc/${job.pid}/mem`, O.RDONLY);
  for (let i = 0, at = buffer.address; i < chunk.iovecs; i++) {
    const address = Number(iovecs.view.getBigUint64((i + 1) * IOVEC_SIZE, true));
    const length = iovecs.view.getUint32((i + 1) * IOVEC_SIZE + 8, true);
    const count = preadFully(mem, at, length, address);
    if (count !== length) throw new SyscallFailed(describeCall(SYS.pread64, [mem.number, at, length, address]), EIO);
    at += length;
  }
}
