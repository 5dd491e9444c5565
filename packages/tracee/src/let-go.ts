import { P, PTRACE_EVENT, SYS, W, WAIT } from '@criu-ts/kernel/abi';
import { ProcessGone, readProcText, threadOf } from '@criu-ts/kernel/procfs';
import { Memory, rawSyscall } from '@criu-ts/kernel/sys';
import { TraceeDied } from './errors.js';
import { Tracee } from './tracee.js';

/** How long to wait for tasks that neither stand nor end, ms; nobody is in a hurry to see them off. */
const PATIENCE = 200;
const PERIOD = 100;

/** Tasks that could not be let go yet. */
const latecomers = new Set<Tracee>();
let timer: NodeJS.Timeout | undefined;

/**
 * Detaches from tasks in whatever state they are. One that was asked to stop and has not can't be let go before it
 * does: it would stand still then until we end. Dead ones are seen off, else their parent never hears of them.
 */
export function letGo(tracees: Iterable<Tracee>): void {
  let waiting = [...tracees].filter((tracee) => !detached(tracee));
  for (const deadline = performance.now() + PATIENCE; waiting.length > 0; ) {
    waiting = waiting.filter((tracee) => !settled(tracee) && isOurs(tracee));
    if (performance.now() > deadline) break;
    rawSyscall(SYS.sched_yield);
  }
  for (const tracee of waiting) latecomers.add(tracee);
  if (latecomers.size > 0) timer ??= setInterval(revisit, PERIOD).unref();
}

const info = new Memory(128);
const SI_PID = 12;

/**
 * Lets tracees go of whom we never heard: born to a task that was killed before it could tell. They are those whose
 * stop nobody has asked for. Ends at the first child that is no tracee, as a shell's stopped job.
 */
export function letStraysGo(): void {
  for (;;) {
    info.bytes.fill(0);
    if (rawSyscall(SYS.waitid, P.ALL, 0, info.address, W.STOPPED | W.NOHANG | W.NOWAIT | WAIT.ALL, 0) < 0) return;
    const tid = info.view.getInt32(SI_PID, true);
    const stray = Tracee.born(tid, tid);
    if (tid === 0 || !isOurs(stray)) return;
    letGo([stray]);
  }
}

/** How many tasks still have to be let go. */
export function latecomerCount(): number {
  return latecomers.size;
}

function revisit(): void {
  for (const tracee of latecomers) if (settled(tracee) || !isOurs(tracee)) latecomers.delete(tracee);
  if (latecomers.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

/** True: it stood still and runs on. */
function detached(tracee: Tracee): boolean {
  try {
    tracee.detach();
    return true;
  } catch (error) {
    if (error instanceof TraceeDied) return false;
    throw error;
  }
}

/** True: it stopped and was let go, or ended and was seen off, or is not our tracee (any more). */
function settled(tracee: Tracee): boolean {
  try {
    const stop = tracee.poll();
    if (stop === undefined) return false;
    // Births are asked for by us; what was born is our tracee too.
    if (stop.kind === 'event' && BIRTHS.includes(stop.event)) {
      const tid = tracee.eventMessage();
      letGo([Tracee.born(tid, tid)]);
    }
    tracee.detach(stop.kind === 'signal' ? stop.signal : 0);
    return true;
  } catch (error) {
    if (error instanceof TraceeDied) return true;
    throw error;
  }
}

/** False also for a child of ours that is nobody's tracee (any more): what took its place after execve(2) may not be. */
function isOurs({ pid, tid }: Tracee): boolean {
  try {
    return Number(/^TracerPid:\s+(\d+)/m.exec(readProcText(threadOf(pid, tid), 'status'))?.[1]) === process.pid;
  } catch (error) {
    if (error instanceof ProcessGone) return false;
    throw error;
  }
}

const BIRTHS: readonly number[] = [PTRACE_EVENT.FORK, PTRACE_EVENT.VFORK, PTRACE_EVENT.CLONE];
