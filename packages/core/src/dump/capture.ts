import { MAP, PROT } from '@criu-ts/kernel/abi';
import type { CpuMask } from '@criu-ts/kernel/sys';
import { type BorrowedCode, findBorrowedCode, RemoteSyscalls, resolveRestart } from '@criu-ts/tracee';
import { CpuPin } from '../cpu-pin.js';
import { Unsupported } from '../errors.js';
import type { DumpTask } from '../model/dump-task.js';
import { captureThreadInfo } from '../resources/cpu/x86-64.js';
import { captureMm } from '../resources/memory/mm.js';
import { abortCriticalSection, captureProcess, captureThread, readRseqCs } from '../resources/task/index.js';
import { syscallObserver } from '../stage.js';
import type { DumpRun } from './run.js';

/** Asks the tasks what only they can tell, and captures their files. */
export function captureTasks(run: DumpRun): void {
  using pin = new CpuPin();
  for (const task of run.tasks) captureTask(run, task, pin.mask);
  run.files.capture();
}

function captureTask(run: DumpRun, task: DumpTask, pin: CpuMask): void {
  const code = borrowCode(run, task);
  const observe = syscallObserver(run.options, run.emit);
  for (const thread of task.threads) {
    const { tracee, core } = thread;
    const section = readRseqCs(tracee);
    const registers = resolveRestart(abortCriticalSection(thread.registers, section));
    core.threadInfo = captureThreadInfo(registers, tracee.getXstate(), 0n);
    using remote = new RemoteSyscalls(tracee, code, { pin, ...(observe && { observe }) });
    captureThread(thread, remote, run);
    if (thread.tid !== task.pid) continue;
    run.mms.set(task.pid, captureMm(task, remote, run.vmas.get(task.pid) ?? [], run.files.exeId(task)));
    captureProcess(task, core, remote, run);
  }
}

function borrowCode(run: DumpRun, task: DumpTask): BorrowedCode {
  const ranges = (run.vmas.get(task.pid) ?? []).map(({ start, end, name, entry }) => ({
    start,
    end,
    executable: (entry.prot & PROT.EXEC) !== 0,
    writable: (entry.prot & PROT.WRITE) !== 0,
    shared: (entry.flags & MAP.SHARED) !== 0,
    path: name,
  }));
  const code = findBorrowedCode(task.pid, ranges, task.threads.map(({ registers }) => Number(registers.get('rsp'))));
  if (code === undefined) throw new Unsupported('task', 'it has no stack with room, or no code that makes system calls', { task: task.name });
  return code;
}
