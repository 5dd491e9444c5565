// Small C programs for tests against the kernel: compiled, run until they wait, frozen, and copied into blank puppets.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { core_entry_march, type core_entry } from '@criu-ts/images';
import { CLONE, ERRNO, MAP, PROT, SIG, SYS, WAIT } from '@criu-ts/kernel/abi';
import { listThreads, readMaps, readStat, readStatus, readSyscall, threadOf } from '@criu-ts/kernel/procfs';
import { kill, pidfdOpen, spawn, SyscallFailed, wait4 } from '@criu-ts/kernel/sys';
import { type BorrowedCode, findBorrowedCode, type FrozenTree, plantSeed, type Puppet, RemoteSyscalls, type Tracee } from '@criu-ts/tracee';
import type { DumpTask, DumpThread } from '../../../model/dump-task.js';
import { readTls } from '../../cpu/tls.js';
import { captureThreadInfo } from '../../cpu/x86-64.js';
import type { DumpContext, RestoreContext } from '../../contexts.js';
import { type ProcessToRestore, restorePhases, type ThreadToRestore } from '../../facets.js';
import { blankTaskCore, blankThreadCore, captureProcess, captureThread, restoreFacets, type Sleepers, stillSleeping } from '../index.js';

/** undefined, or why nothing of this can run here. */
export function whyNoVictims(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs gcc';
  }
}

const directory = mkdtempSync(path.join(tmpdir(), 'criu-ts-victims-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

/** Programs that were compiled, by their source. */
const programs = new Map<string, string>();

function compiled(name: string, source: string): string {
  const known = programs.get(source);
  if (known !== undefined) return known;
  const file = path.join(directory, `${programs.size}-${name}`);
  writeFileSync(`${file}.c`, `${HEADERS}\n${source}`);
  execFileSync('gcc', ['-O1', '-w', '-pthread', '-o', file, `${file}.c`]);
  programs.set(source, file);
  return file;
}

/** ms: much more than a slow machine needs. */
const PATIENCE = 60_000;

const never = new Int32Array(new SharedArrayBuffer(4));
export function sleep(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}

/** A running program; killed and reaped when it is disposed of. */
export class Victim implements Disposable {
  readonly pid: number;

  /** @param source C; headers for signals, threads, time and so on are included for it */
  constructor(name: string, source: string, args: readonly string[] = []) {
    this.pid = spawn(compiled(name, source), [name, ...args], ['PATH=/usr/bin:/bin']);
  }

  /** Until it has that many threads, all waiting in one of these system calls (SYS.*). */
  untilBlockedIn(nrs: readonly number[], threads = 1): this {
    for (const deadline = performance.now() + PATIENCE; performance.now() < deadline; ) {
      const tids = listThreads(this.pid);
      const blocked = tids.length === threads && tids.every((tid) => {
        const call = readSyscall(threadOf(this.pid, tid));
        return call.state === 'inside' && nrs.includes(call.number);
      });
      if (blocked) return this;
      sleep(2);
    }
    throw new Error(`the victim does not come to wait: ${JSON.stringify(readSyscall(this.pid), (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v))}`);
  }

  [Symbol.dispose](): void {
    kill(this.pid, SIG.KILL);
    wait4(this.pid, WAIT.ALL);
  }
}

const HEADERS = `#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/securebits.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
static void check(long result, const char *what) { if (result < 0) { perror(what); _exit(1); } }
#define CHECK(call) check((long)(call), #call)
`;

/** What facets ask of a dump. */
export class TestDump implements DumpContext {
  readonly options = { imagesDir: '.', pid: 0 };
  readonly problems: string[] = [];
  readonly #shared = new Map<string, unknown>();
  get images(): never {
    throw new Error('facets need no images');
  }
  append(): void {}
  emit(): void {}
  refuse(problem: Error): void {
    this.problems.push(problem.message);
  }
  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }
  sharedMemoryId(inode: bigint): bigint {
    return inode;
  }

  noteSharedMemory(): void {}
  hasProcess(): boolean {
    return true;
  }

  nextId(): number {
    return 1;
  }
  namespaceId(): undefined {}
  defer(): void {}
  undoOnFailure(): void {}
}

export class TestRestore implements RestoreContext {
  readonly options = { imagesDir: '.' };
  readonly warnings: string[] = [];
  readonly #shared = new Map<string, unknown>();
  get images(): never {
    throw new Error('facets need no images');
  }
  emit(event: { readonly type: string; readonly text?: string }): void {
    if (event.type === 'warning') this.warnings.push(event.text ?? '');
  }
  shared<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }
  namespacePath(): undefined {}
  defer(): void {}
}

/** As dump looks at a frozen process. */
export function inspect(pid: number, tree: FrozenTree, sleepers: Sleepers = new Map()): DumpTask {
  const frozen = tree.processes.get(pid);
  if (frozen === undefined) throw new Error(`process ${pid} is not frozen`);
  return taskOf(pid, frozen.threads, frozen.stopSignal, sleepers);
}

function taskOf(pid: number, tracees: readonly Tracee[], stopSignal: number | undefined, sleepers: Sleepers = new Map()): DumpTask {
  const threads: DumpThread[] = [];
  const process = { pid, threads: tracees, zombie: false, stopSignal };
  const task: DumpTask = { id: pid, pid, name: { pid }, process, pidfd: pidfdOpen(pid), status: readStatus(pid), stat: readStat(pid), threads };
  for (const tracee of tracees) {
    const { tid } = tracee;
    const registers = tracee.getRegisters();
    const core: core_entry = {
      mtype: core_entry_march.X86_64,
      threadInfo: captureThreadInfo(registers, tracee.getXstate(), readTls(tracee.tid)),
      threadCore: blankThreadCore(),
      ...(tid === pid && { tc: blankTaskCore() }),
    };
    threads.push({ task, tid, tracee, registers, status: readStatus(threadOf(pid, tid)), sigmask: tracee.getSigmask(), sleeper: stillSleeping(sleepers, pid, tid), core });
  }
  return task;
}

/** Fills in the cores of a frozen task; how many remote calls each thread made. */
export function capture(task: DumpTask, at: DumpContext, code = codeOf(task)): Map<number, number> {
  const calls = new Map<number, number>();
  for (const thread of task.threads) {
    using remote = new RemoteSyscalls(thread.tracee, code, { observe: (tid) => calls.set(tid, (calls.get(tid) ?? 0) + 1) });
    captureThread(thread, remote, at);
    if (thread.core.tc === undefined) continue;
    const own = calls.get(thread.tid) ?? 0;
    captureProcess(task, thread.core, remote, at);
    calls.set(0, (calls.get(thread.tid) ?? 0) - own);
    calls.set(thread.tid, own);
  }
  return calls;
}

export function codeOf(task: DumpTask): BorrowedCode {
  const ranges = readMaps(task.pid).map(({ start, end, prot, shared, name }) => ({
    start,
    end,
    executable: (prot & PROT.EXEC) !== 0,
    writable: (prot & PROT.WRITE) !== 0,
    shared,
    path: name,
  }));
  const code = findBorrowedCode(task.pid, ranges, task.threads.map(({ registers }) => Number(registers.get('rsp'))));
  if (code === undefined) throw new Error('no code to borrow');
  return code;
}

const BLOB_AT = 0x100_0000_0000;
const SCRATCH_AT = 0x101_0000_0000;
const SCRATCH_LENGTH = 0x10_0000;

/** Puppets that become, facet by facet, what images say; without memory, but for scratch pages of their own. */
export class Copy implements Disposable {
  readonly #seed: Puppet;
  readonly puppets: Puppet[] = [];
  readonly at = new TestRestore();

  constructor() {
    this.#seed = plantSeed(BLOB_AT);
  }

  /**
   * @param cores the main thread's first
   * @param mm `memory`: ranges that have to be there; `ids`: of the threads, new ones where absent
   */
  restore(cores: readonly core_entry[], mm: { thpDisabled?: boolean; dumpable?: number; memory?: readonly (readonly [number, number])[]; ids?: readonly number[] } = {}): ProcessToRestore {
    const { memory = [], ids = [] } = mm;
    const main = born(ids[0], (setTid) => this.#seed.clone({ flags: CLONE.PARENT, exitSignal: 0, setTid }));
    this.puppets.push(main);
    const [core] = cores as [core_entry];
    const threadCores = new Map([[main.tracee.tid, core]]);
    const process = { pid: main.tracee.pid, threadCores, name: { pid: main.tracee.pid }, puppet: main, core, mm: { ...mm, vmas: [] } as unknown as ProcessToRestore['mm'] };
    const threads: ThreadToRestore[] = [{ task: process, tid: process.pid, puppet: main, core }];
    for (const phase of restorePhases) {
      if (phase.name === 'late') {
        main.batch((b) => {
          b.call(SYS.mmap, SCRATCH_AT, SCRATCH_LENGTH, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED_NOREPLACE, -1, 0);
          for (const [start, length] of memory) b.call(SYS.mmap, start, length, PROT.READ | PROT.WRITE, MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED_NOREPLACE, -1, 0);
        });
        for (const [i, other] of cores.entries()) {
          if (i === 0) continue;
          const puppet = born(ids[i], (setTid) => main.clone({ flags: THREAD_FLAGS, exitSignal: 0, setTid }));
          this.puppets.push(puppet);
          threadCores.set(puppet.tracee.tid, other);
          threads.push({ task: process, tid: puppet.tracee.tid, puppet, core: other });
        }
      }
      restoreFacets(phase.name, process, threads, this.at);
    }
    return process;
  }

  /** What a dump of the puppets would say. */
  recapture(at: DumpContext): DumpTask {
    const [main] = this.puppets as [Puppet];
    const task = taskOf(main.tracee.pid, this.puppets.map(({ tracee }) => tracee), undefined);
    const syscall = BLOB_AT + Buffer.from(main.tracee.read(BLOB_AT, 4096)).indexOf(Buffer.from('0f05', 'hex'));
    capture(task, at, { syscall, sigreturn: undefined, scratch: SCRATCH_AT });
    return task;
  }

  [Symbol.dispose](): void {
    // A tracer has to take note of the other threads first, else their process stays a zombie.
    for (const { tracee } of [...this.puppets].reverse().concat(this.#seed)) {
      kill(tracee.pid, SIG.KILL);
      wait4(tracee.tid, WAIT.ALL);
    }
  }
}

/** A thread's id is free only a moment after its process could be waited for (kernel/exit.c, release_task). */
function born(id: number | undefined, make: (setTid: readonly number[]) => Puppet): Puppet {
  if (id === undefined) return make([]);
  for (const deadline = performance.now() + PATIENCE; ; sleep(1)) {
    try {
      return make([id]);
    } catch (error) {
      if (!(error instanceof SyscallFailed && error.errno === ERRNO.EEXIST) || performance.now() > deadline) throw error;
    }
  }
}

const THREAD_FLAGS = CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD | CLONE.SYSVSEM;
