import { Memory, type OwnedFd, preadFully, pwriteFully } from '@criu-ts/kernel/sys';

const CHUNK = 1024 * 1024;
let buffer: Memory | undefined;

/**
 * Copies a range of one file into another. Behind the source's end there are zeros: images hold whole pages.
 * copy_file_range(2) is not used: it refuses what lies on two file systems of different kinds.
 */
export function copyFileRuns(from: OwnedFd, fromOffset: number, to: OwnedFd, toOffset: number, length: number): void {
  buffer ??= new Memory(CHUNK);
  for (let done = 0; done < length; ) {
    const part = Math.min(CHUNK, length - done);
    const count = preadFully(from, buffer.address, part, fromOffset + done);
    buffer.bytes.fill(0, count, part);
    pwriteFully(to, buffer.address, part, toOffset + done);
    done += part;
  }
}

