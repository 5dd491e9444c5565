import { core_entry_march, type core_entry, type task_core_entry, type thread_core_entry } from '@criu-ts/images';
import type { ProcStat, ProcStatus } from '@criu-ts/kernel/procfs';
import { SIG } from '@criu-ts/kernel/abi';
import { Bug, ImageCorrupt } from '../../errors.js';

/** `task_core_entry.task_state`, as CRIU numbers it; the last is ours, and CRIU restores nothing that has it. */
export const TASK_STATE = { ALIVE: 1, DEAD: 2, STOPPED: 3, MAIN_ENDED: 1000 } as const;

/** To be filled in by the facets. */
export function blankTaskCore(): task_core_entry {
  return { taskState: TASK_STATE.ALIVE, exitCode: 0, personality: 0, flags: 0, blkSigset: 0n, comm: '', sigactions: [] };
}

/** To be filled in by the facets. */
export function blankThreadCore(): thread_core_entry {
  return { futexRla: 0n, futexRlaLen: 0 };
}

/** The image of a zombie: nothing is left of it but its name, its user, and how it ended. */
export function zombieCore({ exitCode, comm, exitSignal }: ProcStat, { uid, gid }: ProcStatus): core_entry {
  const tc = { ...blankTaskCore(), taskState: TASK_STATE.DEAD, exitCode, comm };
  if (exitSignal !== SIG.CHLD) Object.assign(tc, { exitSignal });
  if (uid.real !== 0) Object.assign(tc, { deadUid: uid.real });
  if (gid.real !== 0) Object.assign(tc, { deadGid: gid.real });
  return { mtype: core_entry_march.X86_64, tc };
}

/** A process's part of an image that is being filled in. */
export function taskCoreOf(core: core_entry): task_core_entry {
  if (core.tc === undefined) throw new Bug('the image of a main thread has no task_core_entry');
  return core.tc;
}

/** A thread's part of an image that is being filled in. */
export function threadCoreOf(core: core_entry): thread_core_entry {
  if (core.threadCore === undefined) throw new Bug('the image of a thread has no thread_core_entry');
  return core.threadCore;
}

/** A process's part of an image that was read. @throws ImageCorrupt */
export function readTaskCore(core: core_entry): task_core_entry {
  if (core.tc === undefined) throw new ImageCorrupt('the image of a main thread has no task_core_entry');
  return core.tc;
}

/** A thread's part of an image that was read. @throws ImageCorrupt */
export function readThreadCore(core: core_entry): thread_core_entry {
  if (core.threadCore === undefined) throw new ImageCorrupt('the image of a thread has no thread_core_entry');
  return core.threadCore;
}
