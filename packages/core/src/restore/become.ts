import type { core_entry } from '@criu-ts/images';
import { PTRACE, SIG, SYS, WAIT } from '@criu-ts/kernel/abi';
import { ProcessGone, readStat } from '@criu-ts/kernel/procfs';
import { kill, rawSyscall, wait4 } from '@criu-ts/kernel/sys';
import { BLOB, type Tracee } from '@criu-ts/tracee';
import { Bug, toCriuError } from '../errors.js';
import { restoreRegisters, restoreXstate } from '../resources/cpu/x86-64.js';
import { writeTls } from '../resources/cpu/tls.js';
import { ownSyscallInstruction } from '../resources/memory/vdso.js';
import { finalCalls, mainHasEnded, readTaskCore, restoreAffinity, restoreRseqCs, sigmaskOf, TASK_STATE } from '../resources/task/index.js';
import { PARKING } from './plan.js';
import type { RestoreRun, TaskImages } from './run.js';

/**
 * The last step: each process takes the blob out of its memory by an instruction that is its own, every thread gets
 * its signal mask and registers, and all are let go. Until the first is let go a failure still ends all of them.
 */
export async function becomeThemselves(run: RestoreRun): Promise<void> {
  for (const task of run.plan.tasks) makeFinalCalls(run, task);
  for (const task of run.plan.tasks) {
    // In memory that others share it was everybody's.
    if (task.memory === task.pid) singleCall(run.task(task.pid).puppet.tracee, instructionOf(run, task), SYS.munmap, [run.plan.blob, BLOB.size + PARKING]);
    for (const [tid, core] of task.threads) {
      const { tracee } = run.thread(tid).puppet;
      if (tid === task.pid && mainHasEnded(core)) {
        endAgain(tracee, instructionOf(run, task), core);
        restoreAffinity(tid, core, run);
        continue;
      }
      const info = core.threadInfo;
      if (info === undefined) throw new Bug('registers were looked for when the images were opened');
      tracee.setXstate(restoreXstate(info.fpregs, tracee.getXstate()));
      tracee.setSigmask(sigmaskOf(core));
      // Before the registers: a selector may mean one of them.
      writeTls(tid, info.tls);
      tracee.setRegisters(restoreRegisters(info));
      restoreRseqCs(tracee, core);
      restoreAffinity(tid, core, run);
    }
  }
  await run.reach('pre-resume');
  run.alive = true;
  if (run.options.leaveStopped === true) for (const { pid, core } of run.plan.tasks) if (core.tc?.taskState !== TASK_STATE.STOPPED) kill(pid, SIG.STOP);
  letGo(run);
  awaitEnds(run);
  refreeze(run);
}

/**
 * Who is let go first may end its whole process before the last is: what dies while it is ours we have to see off, or
 * it stays a zombie. Threads go before the main thread, whose end the kernel tells only when they are gone; the root is
 * our child: its end is for whoever waits for it.
 */
function letGo(run: RestoreRun): void {
  const dead: number[] = [];
  for (const tid of run.threads.keys()) {
    try {
      run.thread(tid).puppet.tracee.detach();
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'TraceeDied') throw error;
      dead.push(tid);
    }
  }
  const root = run.plan.tasks[0]?.pid;
  const leads = (tid: number): boolean => run.tasks.has(tid);
  for (const tid of [...dead.filter((one) => !leads(one)), ...dead.filter(leads)]) if (tid !== root) wait4(tid, WAIT.ALL);
}

/** What was frozen before the dump is so again; the processes live, so it is no failure any more. */
function refreeze(run: RestoreRun): void {
  try {
    run.cgroups?.freeze();
  } catch (error) {
    run.emit({ type: 'warning', text: toCriuError(error).message });
  }
}

/** No batch can run any more: these calls are made with an instruction of the process's own, stopping at entry and exit. */
function makeFinalCalls(run: RestoreRun, task: TaskImages): void {
  const instruction = instructionOf(run, task);
  const data = run.plan.blob + BLOB.data;
  for (const [tid, core] of task.threads) {
    const thread = run.thread(tid).puppet.tracee;
    // SIGTRAP too: no batch ends by it any more, and it may be one of those that are queued now.
    thread.setSigmask(ALL_SIGNALS);
    const place = (bytes: Uint8Array): number => {
      thread.write(data, bytes);
      return data;
    };
    for (const { nr, args } of finalCalls(core, { pid: task.pid, tid }, place)) singleCall(thread, instruction, nr, args);
  }
}

function instructionOf(run: RestoreRun, { pid, memory, mm }: TaskImages): number {
  return run.shared(`a system call instruction of process ${memory}`, () => ownSyscallInstruction(run.task(pid).puppet.tracee, mm));
}

/**
 * A main thread that had ended does so again when it is let go. We can't wait for it: while other threads live its end
 * is told to nobody, and a zombie that is traced can't be let go.
 */
function endAgain(tracee: Tracee, instruction: number, core: core_entry): void {
  const registers = tracee.getRegisters();
  registers.set('rip', instruction);
  registers.set('rax', SYS.exit);
  registers.set('rdi', (readTaskCore(core).exitCode >> 8) & 0xff);
  registers.set('origRax', -1n);
  tracee.setRegisters(registers);
}

/** Main threads that end again do so at once, unless something holds them: then they will when it lets them go. */
function awaitEnds(run: RestoreRun): void {
  if (run.options.leaveStopped === true) return;
  const ending = run.plan.tasks.filter(({ core }) => mainHasEnded(core));
  for (const deadline = performance.now() + PATIENCE; performance.now() < deadline && ending.some(({ pid }) => isRunning(pid)); ) rawSyscall(SYS.sched_yield);
}

/** ms */
const PATIENCE = 500;

function isRunning(pid: number): boolean {
  try {
    return readStat(pid).state !== 'Z';
  } catch (error) {
    if (error instanceof ProcessGone) return false;
    throw error;
  }
}

const ALL_SIGNALS = 0xffff_ffff_ffff_ffffn;
const ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'] as const;

function singleCall(tracee: Tracee, instruction: number, nr: number, args: readonly (number | bigint)[]): void {
  const registers = tracee.getRegisters();
  registers.set('rip', instruction);
  registers.set('rax', nr);
  registers.set('origRax', -1n);
  ARGUMENTS.forEach((name, i) => registers.set(name, args[i] ?? 0));
  tracee.setRegisters(registers);
  for (const wanted of ['entry', 'exit']) {
    let stop: ReturnType<typeof tracee.wait>;
    do {
      tracee.resume(PTRACE.SYSCALL);
      stop = tracee.wait();
      // A process that is to be stopped is so already.
    } while (stop.kind === 'group-stop');
    if (stop.kind !== 'syscall') tracee.unexpected(stop, `the ${wanted} of the last calls`);
  }
  const result = tracee.readRegisters().getSigned('rax');
  if (result < 0n) throw new Bug(`the last call ${nr} failed with ${result}`);
}
