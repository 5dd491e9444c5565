import { SYS } from '@criu-ts/kernel/abi';
import { readChildren, readStat, readSyscall, threadOf } from '@criu-ts/kernel/procfs';

const BEAR: readonly number[] = [SYS.vfork, SYS.clone, SYS.clone3];

/**
 * The child that a thread waits for in vfork(2), as posix_spawn(3) does too. Nothing but its execve(2) or its end wakes
 * the parent (kernel/fork.c, wait_for_vfork_done): no tracer, no freezer.
 * @returns undefined: it waits for none, or /proc tells of none
 * @throws ProcessGone
 */
export function awaitedChild(pid: number, tid: number): number | undefined {
  const task = threadOf(pid, tid);
  const call = readSyscall(task);
  if (call.state !== 'inside' || !BEAR.includes(call.number) || readStat(task).state !== 'D') return undefined;
  // Listed by age: it is the youngest.
  return readChildren(task)?.at(-1);
}
