import { ERRNO, MAP, O, PIDFD } from '@criu-ts/kernel/abi';
import { mapFilePath, type ProcStat, readComm, readSmaps, readStat, readStatus, shrinkReadBuffer, threadOf } from '@criu-ts/kernel/procfs';
import { type OwnedFd, pidfdOpen, SyscallFailed } from '@criu-ts/kernel/sys';
import type { FrozenProcess } from '@criu-ts/tracee';
import { statSync } from 'node:fs';
import { Bug, HostLacks, type TaskName } from '../errors.js';
import type { DeadTask, DumpTask, DumpThread } from '../model/dump-task.js';
import { MARCH } from '../resources/cpu/x86-64.js';
import { describeVmas } from '../resources/memory/describe-vmas.js';
import { VMA } from '../resources/memory/vma-status.js';
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
      sharedMemoryId: (inode, huge) => run.sharedMemoryId(inode, huge),
      hugePageSize: (mapping) => statSync(mapFilePath(task.pid, mapping)).blksize,
      refuse: (problem) => run.refuse(problem.add({ task: task.name })),
    });
    run.vmas.set(task.pid, vmas);
  }
  for (const { pid } of run.tasks) mapAsFiles(run, pid);
  shrinkReadBuffer();
}

/** Shared memory that somebody has opened is a file for all who have mapped it. */
function mapAsFiles(run: DumpRun, pid: number): void {
  const vmas = run.vmas.get(pid) ?? [];
  for (const { entry, start, end } of vmas) {
    if ((entry.status & (VMA.ANON_SHARED | VMA.SYSVIPC)) !== VMA.ANON_SHARED || entry.flags & MAP.HUGETLB) continue;
    const id = run.files.idOfShared(pid, { start, end }, entry.shmid);
    if (id === undefined) continue;
    entry.status = VMA.REGULAR | VMA.FILE_SHARED | VMA.MEMFD;
    entry.flags &= ~MAP.ANONYMOUS;
    entry.fdflags = O.RDWR;
    entry.shmid = BigInt(id);
  }
}

/** Of a zombie the kernel shows no addresses, of a thread not what its process is to its parent. */
function statOf(id: number, pid: number): ProcStat {
  const stat = readStat(id);
  if (pid === id) return stat;
  const { comm, exitSignal, exitCode, flags } = stat;
  return { ...readStat(pid), pid: id, comm, exitSignal, exitCode, flags };
}

/** Descriptors are reached through a living thread. @throws HostLacks */
function threadPidfd(tid: number): OwnedFd {
  try {
    return pidfdOpen(tid, PIDFD.THREAD);
  } catch (error) {
    if (!(error instanceof SyscallFailed && error.errno === ERRNO.EINVAL)) throw error;
    throw new HostLacks('pidfd', 'its main thread has ended while others live on, and the kernel has no pidfds of threads', { task: nameOf(tid), hint: 'use Linux 6.9 or later', cause: error });
  }
}

function inspectDead(pid: number): DeadTask {
  const stat = readStat(pid);
  return { pid, name: { pid, comm: stat.comm }, stat, status: readStatus(pid) };
}

function inspectTask(run: DumpRun, process: FrozenProcess): DumpTask {
  const { pid: id } = process;
  const pid = process.threads[0]?.tid ?? id;
  const status = readStatus(pid);
  const stat = statOf(id, pid);
  const threads: DumpThread[] = [];
  const task: DumpTask = {
    id,
    pid,
    name: { pid: id, comm: stat.comm },
    process,
    pidfd: run.scope.use(pid === id ? pidfdOpen(pid) : threadPidfd(pid)),
    status,
    stat,
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
