import type { core_entry } from '@criu-ts/images';
import { SIG, SYS } from '@criu-ts/kernel/abi';
import { unblockedSignals } from './pending-signals.js';
import { readThreadCore } from './core-images.js';
import { trapAction } from './sigactions.js';

/**
 * A call that can't be part of a batch, because a batch ends by SIGTRAP. To be made by the syscall-stop path with all
 * signals blocked, in the order given; a stop by SIGSTOP may follow the last one, so let the task go after it.
 */
export interface FinalCall {
  readonly nr: number;
  /** What one of the arguments points to; put it where the puppet can read it. */
  readonly bytes: Uint8Array;
  /** @param address of `bytes` in the puppet */
  args(address: number): readonly number[];
}

/**
 * Of one thread, SIGTRAP's action first. Mostly none at all.
 * @param pid,tid as the task itself sees them
 */
export function finalCalls(core: core_entry, pid: number, tid: number): FinalCall[] {
  const calls: FinalCall[] = [];
  const action = core.tc && trapAction(core.tc.sigactions);
  if (action !== undefined) calls.push({ nr: SYS.rt_sigaction, bytes: action, args: (address) => [SIG.TRAP, address, 0, 8] });
  const own = unblockedSignals(readThreadCore(core).signalsP).map(({ signal, info }) => ({ signal, nr: SYS.rt_tgsigqueueinfo, bytes: info, args: (address: number) => [pid, tid, signal, address] }));
  const shared = unblockedSignals(core.tc?.signalsS).map(({ signal, info }) => ({ signal, nr: SYS.rt_sigqueueinfo, bytes: info, args: (address: number) => [pid, signal, address] }));
  calls.push(...[...own, ...shared].sort((a, b) => Number(a.signal === SIG.STOP) - Number(b.signal === SIG.STOP)));
  return calls;
}
