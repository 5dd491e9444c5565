// Queued signals: ptrace(2) PTRACE_PEEKSIGINFO, rt_sigqueueinfo(2)
import type { siginfo_entry, signal_queue_entry } from '@criu-ts/images';
import { SIG, siginfo_common, SIGINFO_SIZE, signalName, SYS } from '@criu-ts/kernel/abi';
import type { Batch } from '@criu-ts/tracee';
import { ImageCorrupt } from '../../errors.js';
import type { ProcessFacet, ThreadFacet } from '../facets.js';
import { readTaskCore, readThreadCore, taskCoreOf, threadCoreOf } from './core-images.js';

/** These would act at once, though a batch blocks all others: they come with the final calls. */
const UNBLOCKED: ReadonlySet<number> = new Set([SIG.TRAP, SIG.STOP]);

/** Signals of the whole process. */
export const sharedSignals: ProcessFacet = {
  name: 'pending signals of the process',
  capture(task, core) {
    const tracee = task.process.threads[0];
    taskCoreOf(core).signalsS = { signals: tracee === undefined ? [] : tracee.peekSignals(true).map((siginfo) => ({ siginfo })) };
  },
  restore: [
    {
      phase: 'late',
      because: 'the kernel drops a signal that is ignored, so the actions come first',
      run(process, batch) {
        const pid = batch.call(SYS.getpid);
        requeue(batch, readTaskCore(process.core).signalsS, (signal, info) => batch.call(SYS.rt_sigqueueinfo, pid, signal, info));
      },
    },
  ],
};

/** Signals of one thread. */
export const threadSignals: ThreadFacet = {
  name: 'pending signals of the thread',
  capture({ tracee, core }) {
    threadCoreOf(core).signalsP = { signals: tracee.peekSignals(false).map((siginfo) => ({ siginfo })) };
  },
  restore: [
    {
      phase: 'late',
      because: 'the kernel drops a signal that is ignored, so the actions come first',
      run(thread, batch) {
        const { signalsP } = readThreadCore(thread.core);
        if (signalsP === undefined || signalsP.signals.length === 0) return;
        const pid = batch.call(SYS.getpid);
        const tid = batch.call(SYS.gettid);
        requeue(batch, signalsP, (signal, info) => batch.call(SYS.rt_tgsigqueueinfo, pid, tid, signal, info));
      },
    },
  ],
};

/** By the task itself: nobody else may send signals that claim to come from the kernel (si_code >= 0). */
function requeue(batch: Batch, queue: signal_queue_entry | undefined, send: (signal: number, info: number) => void): void {
  for (const { siginfo } of queue?.signals ?? []) {
    const signal = signalOf(siginfo);
    if (UNBLOCKED.has(signal)) continue;
    batch.doing(`queue ${signalName(signal)}`);
    send(signal, batch.bytes(siginfo));
  }
}

/** What {@link requeue} left out, in its order but SIGSTOP last. */
export function unblockedSignals(queue: signal_queue_entry | undefined): readonly { readonly signal: number; readonly info: Uint8Array }[] {
  const left = (queue?.signals ?? []).map(({ siginfo }: siginfo_entry) => ({ signal: signalOf(siginfo), info: siginfo })).filter(({ signal }) => UNBLOCKED.has(signal));
  return left.sort((a, b) => Number(a.signal === SIG.STOP) - Number(b.signal === SIG.STOP));
}

function signalOf(siginfo: Uint8Array): number {
  if (siginfo.length !== SIGINFO_SIZE) throw new ImageCorrupt(`a siginfo of ${siginfo.length} bytes instead of ${SIGINFO_SIZE}`);
  return siginfo_common.decode(siginfo).si_signo;
}
