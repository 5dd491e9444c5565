import { MAP, PROT } from '@criu-ts/kernel/abi';
import type { CpuMask } from '@criu-ts/kernel/sys';
import { type BorrowedCode, findBorrowedCode, type KnownCode, type Registers, RemoteSyscalls } from '@criu-ts/tracee';
import { CpuPin } from '../cpu-pin.js';
import { Unsupported } from '../errors.js';
import type { DumpTask, DumpThread } from '../model/dump-task.js';
import { captureRegisters, captureThreadInfo } from '../resources/cpu/x86-64.js';
import { readTls } from '../resources/cpu/tls.js';
import { VMA } from '../resources/memory/vma-status.js';
import { captureMm } from '../resources/memory/mm.js';
import { abortCriticalSection, captureProcess, captureThread, interruptionOf, judgeOrphans, readRseqCs, resumeRegisters } from '../resources/task/index.js';
import { syscallObserver } from '../stage.js';
import { throwObstacles } from './judge.js';
import { captureTreesCgroups } from './cgroups.js';
import { captureNamespaces } from './namespaces.js';
import type { DumpRun } from './run.js';

/** Asks the tasks what only they can tell, and captures their files. */
export function captureTasks(run: DumpRun): void {
  using pin = new CpuPin();
  const known: KnownCode = new Map();
  for (const task of run.tasks) {
    try {
      captureTask(run, task, pin.mask, known);
    } catch (error) {
      // Only now could it be seen: the others are looked at all the same, so that all is told at once.
      if (!(error instanceof Unsupported)) throw error;
      run.refuse(error.add({ task: task.name }));
    }
  }
  for (const problem of judgeOrphans(run.tasks)) run.refuse(problem);
  captureTreesCgroups(run);
  captureNamespaces(run);
  run.files.capture();
  throwObstacles(run);
}

function captureTask(run: DumpRun, task: DumpTask, pin: CpuMask, known: KnownCode): void {
  const code = borrowCode(run, task, known);
  const observe = syscallObserver(run.options, run.emit);
  const registersOf = new Map(task.threads.map((thread) => [thread, leaveCriticalSection(thread)]));
  for (const thread of task.threads) {
    const { tracee, core } = thread;
    core.threadInfo = captureThreadInfo(thread.registers, tracee.getXstate(), readTls(thread.tid));
    using remote = new RemoteSyscalls(tracee, code, { pin, filtered: thread.status.seccomp !== 0, ...(observe && { observe }) });
    captureThread(thread, remote, run);
    if (thread.tid !== task.pid) continue;
    const vmas = run.vmas.get(task.pid);
    if (vmas !== undefined) run.mms.set(task.pid, captureMm(task, remote, vmas, run.files.exeId(task)));
    captureProcess(task, core, remote, run);
  }
  const main = task.threads[0]?.core;
  for (const [thread, registers] of registersOf) {
    // Now it is known which signals are pending, and what their handlers are.
    if (main !== undefined && thread.core.threadInfo !== undefined) thread.core.threadInfo.gpregs = captureRegisters(resumeRegisters(registers, interruptionOf(thread, main)));
  }
}

/** Before its first call: a call makes the kernel forget the section, and a thread that lives on has to be out of it, too. */
function leaveCriticalSection({ tracee, registers }: DumpThread): Registers {
  const out = abortCriticalSection(registers, readRseqCs(tracee));
  if (out !== registers) tracee.setRegisters(out);
  return out;
}

function borrowCode(run: DumpRun, task: DumpTask, known: KnownCode): BorrowedCode {
  const memory = run.memory.of(task.pid);
  const ranges = (run.vmas.get(memory) ?? []).map(({ start, end, name, entry }) => ({
    start,
    end,
    executable: (entry.prot & PROT.EXEC) !== 0,
    writable: (entry.prot & PROT.WRITE) !== 0,
    shared: (entry.flags & MAP.SHARED) !== 0,
    path: name,
    ...((entry.status & VMA.FILE_PRIVATE) !== 0 && { key: `${entry.shmid}:${entry.pgoff}:${end - start}` }),
  }));
  const sharers = run.tasks.filter(({ pid }) => run.memory.of(pid) === memory);
  const stackPointers = sharers.flatMap(({ threads }) => threads.map(({ registers }) => Number(registers.get('rsp'))));
  const code = findBorrowedCode(task.pid, ranges, stackPointers, known);
  if (code === undefined) throw new Unsupported('task', 'it has no stack with room, or no code that makes system calls', { task: task.name });
  return code;
}
