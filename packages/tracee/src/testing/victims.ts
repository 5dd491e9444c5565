// Small C programs for tests against the kernel: compiled, run, and told of by a page that they share with the test.
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { PROT, SIG, WAIT } from '@criu-ts/kernel/abi';
import { listProcNumbers, ProcessGone, readMaps, readProcText, readSyscall, threadOf } from '@criu-ts/kernel/procfs';
import { kill, spawn, wait4 } from '@criu-ts/kernel/sys';
import { type BorrowedCode, findBorrowedCode } from '../borrowed-code.js';
import type { FrozenProcess, FrozenTree } from '../freezer.js';

const GCC = (process.env.PATH ?? '').split(':').map((directory) => path.join(directory, 'gcc')).find((file) => existsSync(file));

/** false, or why nothing of this can run here; as tap's `skip` takes it. */
export function whyNoVictims(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  return GCC === undefined ? 'needs gcc' : false;
}

let directory: string | undefined;
let files = 0;

/** A name in a directory of ours; made when it is needed: programs that only steer are killed, and would leave it. */
function newFile(name: string): string {
  if (directory === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'criu-ts-tracee-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  return path.join(directory, `${name}-${files++}`);
}

/** Compiles a program that begins with {@link HEADER}, or with something else; its path. */
export function compile(source: string, flags: readonly string[] = [], header = HEADER): string {
  const file = newFile('victim');
  writeFileSync(`${file}.c`, `${header}\n${source}`);
  const pid = spawn(GCC ?? 'gcc', ['gcc', '-O1', '-g', '-w', '-pthread', '-o', file, `${file}.c`, ...flags], [`PATH=${process.env.PATH ?? ''}`]);
  const waited = wait4(pid, WAIT.ALL);
  if (waited === undefined || 'errno' in waited || waited.status !== 0) throw new Error('gcc failed');
  return file;
}

/** A running program; killed and seen off when it is disposed of. */
export class Victim implements Disposable {
  readonly pid: number;
  readonly #board: string;

  constructor(program: string, args: readonly string[] = []) {
    this.#board = newFile('board');
    writeFileSync(this.#board, Buffer.alloc(4096));
    this.pid = spawn(program, [program, this.#board, ...args], ['PATH=/usr/bin:/bin']);
  }

  /** What the program wrote on its page. */
  get board(): Board {
    const page = Buffer.alloc(4096);
    const fd = openSync(this.#board, 'r');
    readSync(fd, page);
    closeSync(fd);
    const counts = Array.from({ length: 32 }, (_, i) => Number(page.readBigInt64LE(8 + 8 * i)));
    return { ready: page.readInt32LE(0) !== 0, faults: page.readInt32LE(4), counts, why: page.toString('latin1', 264, page.indexOf(0, 264)) };
  }

  /** Writes a count of its page: the program may wait for it. */
  tell(index: number, value: number): void {
    const fd = openSync(this.#board, 'r+');
    writeSync(fd, new Uint8Array(BigInt64Array.of(BigInt(value)).buffer), 0, 8, 8 + 8 * index);
    closeSync(fd);
  }

  untilReady(): this {
    blockUntil(() => this.board.ready, () => `the victim never comes to be ready: ${this.board.why}`);
    return this;
  }

  /** Until it has that many threads, all waiting in this system call. */
  untilBlockedIn(nr: number, threads = 1): this {
    blockUntil(() => {
      const tids = listProcNumbers(this.pid, 'task');
      return tids.length === threads && tids.every((tid) => {
        const call = readSyscall(threadOf(this.pid, tid));
        return call.state === 'inside' && call.number === nr;
      });
    }, () => 'the victim does not come to wait');
    return this;
  }

  /** A field of /proc/PID/status. */
  status(field: string, tid = this.pid): string {
    return new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(readProcText(threadOf(this.pid, tid), 'status'))?.[1] ?? '';
  }

  /** Its exit code, or the negated signal that killed it. */
  awaitEnd(): number {
    const waited = wait4(this.pid, WAIT.ALL);
    if (waited === undefined || 'errno' in waited) throw new Error('there is no such child');
    return (waited.status & 0x7f) === 0 ? (waited.status >> 8) & 0xff : -(waited.status & 0x7f);
  }

  [Symbol.dispose](): void {
    kill(this.pid, SIG.KILL);
    wait4(this.pid, WAIT.ALL);
  }
}

export interface Board {
  readonly ready: boolean;
  /** How often something was not as it was left; `why`: what it was first. */
  readonly faults: number;
  readonly why: string;
  readonly counts: readonly number[];
}

/** ms: much more than a slow machine needs. */
const PATIENCE = 60_000;

/** Waits until it is so; what is due by a timer happens meanwhile. @throws after a minute */
export async function until(so: () => boolean, otherwise: () => string): Promise<void> {
  for (const deadline = performance.now() + PATIENCE; !so(); await setTimeout(1)) {
    if (performance.now() > deadline) throw new Error(otherwise());
  }
}

/** Sleeps until it is so: for what needs nothing of ours to come about. @throws after a minute */
function blockUntil(so: () => boolean, otherwise: () => string): void {
  for (const deadline = performance.now() + PATIENCE; !so(); sleep(1)) {
    if (performance.now() > deadline) throw new Error(otherwise());
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));
export function sleep(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}

export function frozenProcess(tree: FrozenTree, pid: number): FrozenProcess {
  const frozen = tree.processes.get(pid);
  if (frozen === undefined) throw new Error(`process ${pid} is not frozen`);
  return frozen;
}

/** As dump does it. */
export function borrowCode({ pid, threads }: FrozenProcess): BorrowedCode {
  const ranges = readMaps(pid).map(({ start, end, prot, shared, name }) => ({
    start,
    end,
    executable: (prot & PROT.EXEC) !== 0,
    writable: (prot & PROT.WRITE) !== 0,
    shared,
    path: name,
  }));
  const code = findBorrowedCode(pid, ranges, threads.map((tracee) => Number(tracee.readRegisters().get('rsp'))));
  if (code === undefined) throw new Error('no code to borrow');
  return code;
}

/** The state letter of every thread below a pid, by tid; empty once the process is gone. */
export function threadStates(pid: number): Map<number, string> {
  try {
    return new Map(listProcNumbers(pid, 'task').map((tid) => [tid, /^State:\s+(\S)/m.exec(readProcText(threadOf(pid, tid), 'status'))?.[1] ?? '?']));
  } catch (error) {
    if (error instanceof ProcessGone) return new Map();
    throw error;
  }
}

/** `board` is the page shared with the test; `ready()`, `fault(…)`, and `CHECK(call)` tell it. */
const HEADER = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static struct { volatile int ready, faults; volatile long count[32]; char why[256]; } *board;
static void fault(const char *what, long value)
{
	if (__sync_fetch_and_add(&board->faults, 1) == 0) snprintf(board->why, 256, "%s: %ld, errno %d", what, value, errno);
}
static void open_board(char **argv)
{
	/* A test that is cut off leaves nobody spinning: not the program, and no child of it for ever. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CPU, &(struct rlimit){ 600, 600 });
	int fd = open(argv[1], O_RDWR | O_CLOEXEC);
	board = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}
static void ready(void) { board->ready = 1; }
static void check(long result, const char *what) { if (result < 0) { fault(what, result); _exit(99); } }
#define CHECK(call) check((long)(call), #call)
static long ms(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000 + t.tv_nsec / 1000000; }
`;
