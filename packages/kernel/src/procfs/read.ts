// Reading files, links and directories of /proc, always synchronously: a namespace entered by the main thread
// is not seen by Node's thread pool.
import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { ProcessGone } from './errors.js';
import { decodePath } from './path-text.js';

/** A directory below /proc: a process by its PID, our own, or one thread (`threadOf`). */
export type ProcTask = number | 'self' | 'thread-self' | `${number}/task/${number}`;

export function threadOf(pid: number, tid: number): ProcTask {
  return `${pid}/task/${tid}`;
}

export function procPath(task: ProcTask, name: string): string {
  return `/proc/${task}/${name}`;
}

// One buffer for all reads; seq files hand out about a page a read, whatever one asks for.
const initialSize = 256 * 1024;
let buffer = Buffer.allocUnsafeSlow(initialSize);
const partSize = 64 * 1024;

function enlarge(length: number): void {
  const larger = Buffer.allocUnsafeSlow(buffer.length * 4);
  buffer.copy(larger, 0, 0, length);
  buffer = larger;
}

/**
 * The whole file. The bytes are valid until the next read: parse or copy them at once.
 * @throws ProcessGone when the task has ended; a Node system error otherwise (EACCES, ENOENT where the kernel lacks the file, …)
 */
export function readProc(task: ProcTask, name: string): Buffer {
  const path = procPath(task, name);
  try {
    return readWhole(path);
  } catch (error) {
    throw asGone(error, task);
  }
}

/** `readProc` as text: Latin-1, a character a byte; fit for files without names. */
export function readProcText(task: ProcTask, name: string): string {
  return readProc(task, name).toString('latin1');
}

/**
 * Reads a file part by part: `consume` gets all bytes that are not consumed yet and returns how many it is done with.
 * With `last` it has to be done with all. Memory stays small and warm, whatever the size of the file.
 * @throws ProcessGone
 */
export function readProcInParts(task: ProcTask, name: string, consume: (part: Buffer, last: boolean) => number): void {
  let fd: number | undefined;
  try {
    fd = openSync(procPath(task, name), 'r');
    let length = 0;
    for (;;) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      length += count;
      if (count > 0 && length < partSize) continue;
      const consumed = consume(buffer.subarray(0, length), count === 0);
      if (count === 0) return;
      buffer.copyWithin(0, consumed, length);
      length -= consumed;
      if (length >= partSize) enlarge(length);
    }
  } catch (error) {
    throw asGone(error, task);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Any file of /proc or /sys, by its path. The bytes are valid until the next read. */
export function readWhole(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    let length = 0;
    for (;;) {
      if (buffer.length - length < partSize) enlarge(length);
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      if (count === 0) return buffer.subarray(0, length);
      length += count;
    }
  } finally {
    closeSync(fd);
  }
}

/** Gives back the memory that a huge file may have needed. */
export function shrinkReadBuffer(): void {
  if (buffer.length > initialSize) buffer = Buffer.allocUnsafeSlow(initialSize);
}

/**
 * Where a link of /proc points, as the kernel shows it: a path, `pipe:[123]`, `anon_inode:[eventfd]`, …
 * (see `decodePath` for bytes that are no UTF-8, `splitDeleted` for " (deleted)").
 * @throws ProcessGone; a Node system error otherwise (ENOENT: no such descriptor, or no exe: a kernel thread)
 */
export function readProcLink(task: ProcTask, name: string): string {
  try {
    return decodePath(readlinkSync(procPath(task, name), 'buffer'));
  } catch (error) {
    throw asGone(error, task);
  }
}

/** The names in a directory of a task. @throws ProcessGone */
export function listProc(task: ProcTask, name: string): string[] {
  try {
    return readdirSync(procPath(task, name), 'latin1');
  } catch (error) {
    throw asGone(error, task);
  }
}

/** The entries of a directory that are numbers (fd, task), ascending. @throws ProcessGone */
export function listProcNumbers(task: ProcTask, name: string): number[] {
  return listProc(task, name)
    .map(Number)
    .sort((a, b) => a - b);
}

/** True for the error of a file that this kernel does not offer, though the task lives. */
export function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

function asGone(error: unknown, task: ProcTask): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ESRCH' || (code === 'ENOENT' && !existsSync(`/proc/${task}`))) {
    return new ProcessGone(String(task), { cause: error });
  }
  return error;
}
