import { MAP, PROT, SYS, UFFD, UFFDIO, UFFDIO_COPY_MODE, UFFDIO_REGISTER_MODE, uffdio_api, uffdio_copy, uffdio_register } from '@criu-ts/kernel/abi';
import { ioctl, Memory, type OwnedFd, poolSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import type { StoredRun } from './stored-pages.js';

/** Bytes that a thread copies at once. */
const CHUNK = 8 * 1024 * 1024;
/** As many as there are threads that can run; one more hides the way through the event loop. */
const SLOTS = 3;
const EAGAIN = 11;

/**
 * Fills anonymous memory of a stopped process from our side: UFFDIO_COPY takes each page from a mapping of the file
 * of pages into a fresh page of the process, without the zeroing that a page fault would do first.
 * @param userfaultfd of that process, a duplicate of ours
 * @param file plain pages
 */
export async function fillByUserfaultfd(userfaultfd: OwnedFd, file: OwnedFd, runs: readonly StoredRun[]): Promise<void> {
  const scratch = new Memory(64);
  uffdio_api.write(scratch.view, 0, { api: BigInt(UFFD.API), features: 0n, ioctls: 0n });
  ioctl(userfaultfd, UFFDIO.API, scratch.address);
  for (const { address, length } of runs) {
    uffdio_register.write(scratch.view, 0, { range: { start: address, len: length }, mode: BigInt(UFFDIO_REGISTER_MODE.MISSING), ioctls: 0n });
    ioctl(userfaultfd, UFFDIO.REGISTER, scratch.address);
  }
  const chunks = chunksOf(runs);
  const results = await Promise.allSettled(Array.from({ length: SLOTS }, () => pump(userfaultfd, file, chunks)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function pump(userfaultfd: OwnedFd, file: OwnedFd, chunks: Iterator<StoredRun>): Promise<void> {
  const argument = new Memory(uffdio_copy.size);
  for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
    const { address, length, offset } = next.value;
    // mmap(2) wants the offset on a page, and every run starts on one.
    const window = sys(SYS.mmap, 0, length, PROT.READ, MAP.PRIVATE, file.number, offset);
    try {
      for (let done = 0; done < length; ) {
        uffdio_copy.write(argument.view, 0, { dst: address + done, src: window + done, len: length - done, mode: BigInt(UFFDIO_COPY_MODE.DONTWAKE), copy: 0n });
        const result = await poolSyscall(SYS.ioctl, userfaultfd.number, UFFDIO.COPY, argument.address);
        const copied = Number(uffdio_copy.read(argument.view, 0).copy);
        if (copied > 0) done += copied;
        // EAGAIN: the address space changed meanwhile (another range was registered); it tells how far it came.
        else if (result < 0 && copied !== -EAGAIN) throw new SyscallFailed(`ioctl(UFFDIO_COPY, 0x${(address + done).toString(16)}, ${length - done})`, copied < 0 ? -copied : -result);
      }
    } finally {
      sys(SYS.munmap, window, length);
    }
  }
}

function* chunksOf(runs: readonly StoredRun[]): Generator<StoredRun, undefined, undefined> {
  for (const { address, length, offset } of runs) {
    for (let done = 0; done < length; done += CHUNK) {
      yield { address: address + done, length: Math.min(CHUNK, length - done), offset: offset + done };
    }
  }
}
