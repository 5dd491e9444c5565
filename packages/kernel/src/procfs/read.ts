// Reading files, links and directories of /proc, always synchronously: a namespace entered by the main thread
// is not seen by Node's thread pool.
// By system calls of our own: a function of node:fs costs a fraction of a millisecond when it is first used.
import { errnoName } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { stat } from '../abi/stat.js';
import { SYS } from '../abi/syscalls.js';
import { rawSyscall } from '../sys/libc.js';
import { Memory } from '../sys/memory.js';
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
let memory = new Memory(initialSize);
let buffer = Buffer.from(memory.buffer);
const partSize = 64 * 1024;
const pathMemory = new Memory(8192);
/**
 * Files that one read gives whole, whatever their length, where the buffer has room: shown in one piece (fs/proc/base.c, ONE()
 * and its like, by seq_file's single_open), or made by simple_read_from_buffer. Nobody has to ask them for their end.
 */
const IN_ONE_PIECE: ReadonlySet<string> = new Set(['auxv', 'cgroup', 'comm', 'coredump_filter', 'limits', 'loginuid', 'oom_score_adj', 'personality', 'sched', 'stat', 'status', 'syscall', 'timerslack_ns', 'wchan']);

function allocate(size: number): void {
  memory = new Memory(size);
  buffer = Buffer.from(memory.buffer);
}

function enlarge(length: number): void {
  const before = buffer;
  allocate(before.length * 4);
  before.copy(buffer, 0, 0, length);
}

/** As Node's own errors are: `code`, `syscall`, `path`. */
function systemError(errno: number, syscall: string, path: string): Error {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, errno: -errno, syscall, path });
}

function open(path: string, flags = 0): number {
  const fd = rawSyscall(SYS.open, pathMemory.putString(path), flags | O.CLOEXEC, 0);
  if (fd < 0) throw systemError(-fd, 'open', path);
  return fd;
}

/** Reads on behind the first `length` bytes of the buffer. */
function readMore(fd: number, length: number, path: string): number {
  const count = rawSyscall(SYS.read, fd, memory.address + length, buffer.length - length);
  if (count < 0) throw systemError(-count, 'read', path);
  return count;
}

/**
 * The whole file. The bytes are valid until the next read: parse or copy them at once.
 * @throws ProcessGone when the task has ended; a Node system error otherwise (EACCES, ENOENT where the kernel lacks the file, …)
 */
export function readProc(task: ProcTask, name: string): Buffer {
  const path = procPath(task, name);
  try {
    return readWhole(path, IN_ONE_PIECE.has(name));
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
  const path = procPath(task, name);
  let fd: number | undefined;
  try {
    fd = open(path);
    let length = 0;
    for (;;) {
      const count = readMore(fd, length, path);
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
    if (fd !== undefined) rawSyscall(SYS.close, fd);
  }
}

/**
 * Any file of /proc or /sys, by its path. The bytes are valid until the next read.
 * @param inOnePiece a read that leaves room is the last
 */
export function readWhole(path: string, inOnePiece = false): Buffer {
  const fd = open(path);
  try {
    let length = 0;
    for (;;) {
      if (buffer.length - length < partSize) enlarge(length);
      const count = readMore(fd, length, path);
      length += count;
      if (count === 0 || (inOnePiece && length < buffer.length)) return buffer.subarray(0, length);
    }
  } finally {
    rawSyscall(SYS.close, fd);
  }
}

/** How many links a file of a task has, without opening it. @throws ProcessGone */
export function countLinks(task: ProcTask, name: string): number {
  try {
    const path = procPath(task, name);
    const result = rawSyscall(SYS.stat, pathMemory.putString(path), memory.address);
    if (result < 0) throw systemError(-result, 'stat', path);
    return Number(memory.view.getBigUint64(stat.offsets.st_nlink, true));
  } catch (error) {
    throw asGone(error, task);
  }
}

/** Gives back the memory that a huge file may have needed. */
export function shrinkReadBuffer(): void {
  if (buffer.length > initialSize) allocate(initialSize);
}

/**
 * Where a link of /proc points, as the kernel shows it: a path, `pipe:[123]`, `anon_inode:[eventfd]`, …
 * (see `decodePath` for bytes that are no UTF-8, `splitDeleted` for " (deleted)").
 * @throws ProcessGone; a Node system error otherwise (ENOENT: no such descriptor, or no exe: a kernel thread)
 */
export function readProcLink(task: ProcTask, name: string): string {
  try {
    const path = procPath(task, name);
    const length = rawSyscall(SYS.readlink, pathMemory.putString(path), memory.address, buffer.length);
    if (length < 0) throw systemError(-length, 'readlink', path);
    return decodePath(buffer.subarray(0, length));
  } catch (error) {
    throw asGone(error, task);
  }
}

/** The names in a directory of a task. @throws ProcessGone */
export function listProc(task: ProcTask, name: string): string[] {
  try {
    return listDirectory(procPath(task, name));
  } catch (error) {
    throw asGone(error, task);
  }
}

/** The names in a directory whose names are ASCII, but for `.` and `..`, by getdents64(2). */
export function listDirectory(path: string): string[] {
  const fd = open(path, O.DIRECTORY);
  try {
    const names: string[] = [];
    for (;;) {
      const length = rawSyscall(SYS.getdents64, fd, memory.address, buffer.length);
      if (length < 0) throw systemError(-length, 'getdents64', path);
      if (length === 0) return names;
      // struct linux_dirent64: inode, offset, u16 length of the entry, type, name.
      for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
        const name = buffer.toString('latin1', at + 19, buffer.indexOf(0, at + 19));
        if (name !== '.' && name !== '..') names.push(name);
      }
    }
  } finally {
    rawSyscall(SYS.close, fd);
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
  if (code === 'ESRCH' || (code === 'ENOENT' && rawSyscall(SYS.access, pathMemory.putString(`/proc/${task}`), 0) < 0)) {
    return new ProcessGone(String(task), { cause: error });
  }
  return error;
}
