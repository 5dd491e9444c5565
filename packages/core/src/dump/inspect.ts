import { readComm, readSmaps, readStat, readStatus, shrinkReadBuffer, threadOf } from '@criu-ts/kernel/procfs';
import { pidfdOpen } from '@criu-ts/kernel/sys';
import type { FrozenProcess } from '@criu-ts/tracee';
import { Bug, type TaskName } from '../errors.js';
import type { DeadTask, DumpTask, DumpThread } from '../model/dump-task.js';
import { MARCH } from '../resources/cpu/x86-64.js';
import { describeVmas } from '../resources/memory/describe-vmas.js';
import { blankTaskCore, blankThreadCore, stillSleeping } from '../resources/task/index.js';
import { shmemDevice } from '../host/shmem-device.js';
import type { DumpRun } from './run.js';

export function nameOf(pid: number): TaskName {
  return { pid, comm: readComm(pid) };
}

/** Everything that can be known without steering a task. */
export function inspectTasks(run: DumpRun): void {
  if (run.tree === undefined) throw new Bug('inspect comes after freeze');
  const processes = [...run.tree.processes.values()];
  run.tasks = processes.filter(({ zombie }) => !zombie).map((process) => inspectTask(run, process));
  run.dead = processes.filter(({ zombie }) => zombie).map(({ pid }) => inspectDead(pid));
  for (const task of run.tasks) {
    run.files.addTask(task);
    if (run.memory.add(task.pid) !== task.pid) continue;
    const vmas = describeVmas(readSmaps(task.pid), {
      pid: task.pid,
      shmemDevice: shmemDevice(),
      files: run.files,
      noteSharedMemory: (shmid, procPath) => run.noteSharedMemory(shmid, procPath),
      sharedMemoryId: (inode) => run.sharedMemoryId(inode),
      refuse: (problem) => run.refuse(problem.add({ task: task.name })),
    });
    run.vmas.set(task.pid, vmas);
  }
  shrinkReadBuffer();
}

function inspectDead(pid: number): DeadTask {
  const stat = readStat(pid);
  return { pid, name: { pid, comm: stat.comm }, stat, status: readStatus(pid) };
}

function inspectTask(run: DumpRun, process: FrozenProcess): DumpTask {
  const { pid } = process;
  const status = readStatus(pid);
  const threads: DumpThread[] = [];
  const task: DumpTask = {
    pid,
    name: { pid, comm: status.name },
    process,
    pidfd: run.scope.use(pidfdOpen(pid)),
    status,
    stat: readStat(pid),
    threads,
  };
  for (const tracee of process.threads) {
    const { tid } = tracee;
    threads.push({
      task,
      tid,
      tracee,
      registers: tracee.getRegisters(),
      status: tid === pid ? status : readStatus(threadOf(pid, tid)),
      sigmask: tracee.getSigmask(),
      sleeper: stillSleeping(run.sleepers, pid, tid),
      core: { mtype: MARCH, threadCore: blankThreadCore(), ...(tid === pid && { tc: blankTaskCore() }) },
    });
  }
  return task;
}
