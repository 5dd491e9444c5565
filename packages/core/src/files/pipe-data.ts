// What is in a pipe's buffer, read without taking it out: tee(2) into a pipe of ours (pipes-data.img, fifo-data.img).
import { type ImageType, type pipe_data_entry, type WithPayload } from '@criu-ts/images';
import { F, SYS } from '@criu-ts/kernel/abi';
import { fcntl, Memory, OwnedFd, rawSyscall, sys, SyscallFailed } from '@criu-ts/kernel/sys';
import { ImageCorrupt } from '../errors.js';
import type { FileRestoreContext } from '../resources/file-kind.js';

const SPLICE_F_NONBLOCK = 2;
const EAGAIN = 11;
const buffer = new Memory(64 * 1024);

export interface PipeBuffer {
  /** Bytes that it can hold. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** pipe2(2), close-on-exec. */
export function makePipe(flags = 0): { readonly reader: OwnedFd; readonly writer: OwnedFd } {
  sys(SYS.pipe2, buffer.address, flags | 0o2000000);
  return { reader: new OwnedFd(buffer.view.getInt32(0, true)), writer: new OwnedFd(buffer.view.getInt32(4, true)) };
}

/** @param fd a duplicate that can be read */
export function peekPipe(fd: OwnedFd): PipeBuffer {
  const size = fcntl(fd, F.GETPIPE_SZ);
  const copy = makePipe();
  using reader = copy.reader;
  using writer = copy.writer;
  // The copy needs a slot for each of the pipe's, however little they hold.
  fcntl(writer, F.SETPIPE_SZ, size);
  const count = rawSyscall(SYS.tee, fd.number, writer.number, size, SPLICE_F_NONBLOCK);
  if (count < 0 && count !== -EAGAIN) throw new SyscallFailed('tee', -count);
  const bytes = new Uint8Array(Math.max(0, count));
  for (let done = 0; done < bytes.length; ) {
    const part = sys(SYS.read, reader.number, buffer.address, buffer.size);
    bytes.set(buffer.bytes.subarray(0, part), done);
    done += part;
  }
  return { size, bytes };
}

/** Sets the size of a fresh pipe and fills it. */
export function fillPipe(writer: OwnedFd, entry: WithPayload<pipe_data_entry>): void {
  const { message, payload } = entry;
  if (message.size !== undefined) fcntl(writer, F.SETPIPE_SZ, message.size);
  for (let done = 0; done < payload.length; ) {
    const part = payload.subarray(done, done + buffer.size);
    buffer.bytes.set(part);
    const room = fcntl(writer, F.GETPIPE_SZ);
    // More than fits would block for ever.
    if (payload.length > room) throw new ImageCorrupt(`${payload.length} bytes for pipe ${message.pipeId}, which holds ${room}`);
    done += sys(SYS.write, writer.number, buffer.address, part.length);
  }
}

/** The data of one pipe; undefined where the images have none. */
export function pipeDataOf(type: ImageType<WithPayload<pipe_data_entry>>, pipeId: number, at: FileRestoreContext): WithPayload<pipe_data_entry> | undefined {
  const all = at.shared(`data:${type.kind}`, () => new Map(at.images.readIfPresent(type).map((entry) => [entry.message.pipeId, entry])));
  return all.get(pipeId);
}
