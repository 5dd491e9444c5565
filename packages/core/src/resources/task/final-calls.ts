import type { core_entry } from '@criu-ts/images';
import { SIG, SYS } from '@criu-ts/kernel/abi';
import { readThreadCore } from './core-images.js';
import { unblockedSignals } from './pending-signals.js';
import { trapAction } from './sigactions.js';

/** A call that can't be part of a batch, because a batch ends by SIGTRAP. */
export interface FinalCall {
  readonly nr: number;
  readonly args: readonly number[];
}

/**
 * To be made by the syscall-stop path, after the last batch of all threads and with all signals blocked. Mostly none
 * at all, else one after the other: `place` may use the same bytes for each. SIGSTOP comes last; it takes hold when
 * the task is let go.
 * @param ids as the task itself sees them
 * @param place puts what an argument points to into the puppet; its address
 */
export function* finalCalls(core: core_entry, { pid, tid }: { readonly pid: number; readonly tid: number }, place: (bytes: Uint8Array) => number): Generator<FinalCall> {
  const action = core.tc && trapAction(core.tc.sigactions);
  if (action !== undefined) yield { nr: SYS.rt_sigaction, args: [SIG.TRAP, place(action), 0, 8] };
  const own = unblockedSignals(readThreadCore(core).signalsP).map(({ signal, info }) => ({ signal, info, nr: SYS.rt_tgsigqueueinfo, to: [pid, tid] }));
  const shared = unblockedSignals(core.tc?.signalsS).map(({ signal, info }) => ({ signal, info, nr: SYS.rt_sigqueueinfo, to: [pid] }));
  for (const { signal, info, nr, to } of [...own, ...shared].sort((a, b) => Number(a.signal === SIG.STOP) - Number(b.signal === SIG.STOP))) {
    yield { nr, args: [...to, signal, place(info)] };
  }
}
