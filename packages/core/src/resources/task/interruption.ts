import type { core_entry, siginfo_entry } from '@criu-ts/images';
import { SIG, SIG_DFL, SIG_IGN, siginfo_common, signalBit } from '@criu-ts/kernel/abi';
import { readStatus, threadOf } from '@criu-ts/kernel/procfs';
import { SyscallFailed } from '@criu-ts/kernel/sys';
import type { Tracee } from '@criu-ts/tracee';
import type { DumpThread } from '../../model/dump-task.js';
import { ACTION_SIGNALS } from './sigactions.js';
import { type Interruption, resumeLiving } from './restart.js';

/**
 * For {@link resumeRegisters}, of a thread whose facets have been captured, and its process's.
 * @param main the main thread's image
 */
export function interruptionOf(thread: DumpThread, main: core_entry): Interruption {
  const { tracee, sigmask, status, core, sleeper } = thread;
  const pending = [...(core.threadCore?.signalsP?.signals ?? []), ...(main.tc?.signalsS?.signals ?? [])];
  return {
    handlerFlags: firstHandler(pending, sigmask, main)?.flags,
    waitedMs: sleeper?.waitedMs,
    restarted: sleeper?.restarted,
    filtered: status.seccomp !== 0,
    read: (address, length) => tryRead(tracee, address, length),
  };
}

/**
 * Before a thread is let go that lives on: a call that our stop would end by EINTR is made again. Whether a handler
 * runs first is asked now: signals may have come while it was frozen.
 */
export function mendInterrupted(thread: DumpThread): void {
  const { task, tid, tracee, sleeper, status: before } = thread;
  const registers = tracee.getRegisters();
  const how: Interruption = {
    waitedMs: sleeper?.waitedMs,
    filtered: before.seccomp !== 0,
    read: (address, length) => tryRead(tracee, address, length),
  };
  const mended = resumeLiving(registers, how);
  if (mended === undefined) return;
  const { sigPnd, shdPnd, sigBlk, sigCgt } = readStatus(threadOf(task.pid, tid));
  if (((sigPnd | shdPnd) & ~sigBlk & sigCgt) === 0n) tracee.setRegisters(mended);
}

function tryRead(tracee: Tracee, address: number, length: number): Uint8Array | undefined {
  try {
    return tracee.read(address, length);
  } catch (error) {
    if (error instanceof SyscallFailed) return undefined;
    throw error;
  }
}

const IGNORED_BY_DEFAULT: ReadonlySet<number> = new Set([SIG.CHLD, SIG.CONT, SIG.URG, SIG.WINCH]);

/** The action of the first signal that the kernel would deliver and a handler waits for; a traced task has ignored ones in its queue too. */
function firstHandler(pending: readonly siginfo_entry[], sigmask: bigint, main: core_entry): { readonly flags: bigint } | undefined {
  for (const { siginfo } of pending) {
    const { si_signo } = siginfo_common.decode(siginfo);
    if ((sigmask & signalBit(si_signo)) !== 0n) continue;
    const action = main.tc?.sigactions[ACTION_SIGNALS.indexOf(si_signo)];
    if (action === undefined || action.sigaction === BigInt(SIG_IGN)) continue;
    if (action.sigaction !== BigInt(SIG_DFL)) return action;
    // It ends or stops the process: no handler comes first.
    if (!IGNORED_BY_DEFAULT.has(si_signo)) return undefined;
  }
  return undefined;
}
