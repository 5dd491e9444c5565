// sigaction(2)
import type { sa_entry } from '@criu-ts/images';
import { kernel_sigaction, SIG, SIG_DFL, SIGRTMAX, signalBit, signalName, SYS } from '@criu-ts/kernel/abi';
import { ImageCorrupt, Unsupported } from '../../errors.js';
import type { ProcessFacet } from '../facets.js';
import { blankStatus } from './blank-task.js';
import { readTaskCore, taskCoreOf } from './core-images.js';
import { mustCall } from './remote-call.js';

const SIGSET_SIZE = 8;
/** SIG_DFL; one object, which is encoded once. */
const DEFAULT_ACTION: sa_entry = { sigaction: 0n, flags: 0n, restorer: 0n, mask: 0n, compatSigaction: false };

/** All signals whose action can be changed, in the order of `tc.sigactions`. */
export const ACTION_SIGNALS: readonly number[] = Array.from({ length: SIGRTMAX }, (_, i) => i + 1).filter((signal) => signal !== SIG.KILL && signal !== SIG.STOP);

/**
 * Only actions that are not the default one are asked for (a call each), and SIGCHLD's: SA_NOCLDWAIT has a meaning
 * with SIG_DFL too. Flags of other signals with SIG_DFL mean nothing.
 */
export const sigactions: ProcessFacet = {
  name: 'signal actions',
  capture(task, core, remote) {
    const asked = task.status.sigCgt | task.status.sigIgn | signalBit(SIG.CHLD);
    const signals = ACTION_SIGNALS.filter((signal) => (asked & signalBit(signal)) !== 0n);
    signals.forEach((signal, i) => mustCall(remote, SYS.rt_sigaction, signal, 0, remote.data + i * kernel_sigaction.size, SIGSET_SIZE));
    const bytes = remote.read(remote.data, signals.length * kernel_sigaction.size);
    const entries = new Map(signals.map((signal, i) => [signal, encode(bytes, i)]));
    taskCoreOf(core).sigactions = ACTION_SIGNALS.map((signal) => entries.get(signal) ?? DEFAULT_ACTION);
  },
  restore: [
    {
      phase: 'late',
      because: 'the process cannot be killed by a signal of ours meanwhile; handlers are addresses of its memory',
      run(process, batch, at) {
        const blank = blankStatus(process.puppet, at);
        // Handlers do not survive exec, ignored signals do: Node ignores SIGPIPE, a shell's background job SIGINT.
        const inherited = blank.sigIgn | blank.sigCgt;
        for (const [signal, entry] of actionsOf(readTaskCore(process.core).sigactions)) {
          // int3 ends a batch by SIGTRAP: its action comes with the final calls.
          if (signal === SIG.TRAP) continue;
          if (isDefault(entry) && (inherited & signalBit(signal)) === 0n) continue;
          batch.doing(`set the action of ${signalName(signal)}`).call(SYS.rt_sigaction, signal, batch.bytes(decode(entry)), 0, SIGSET_SIZE);
        }
      },
    },
  ],
};

/** struct sigaction for SIGTRAP; undefined: the default action, which a puppet has anyway. */
export function trapAction(entries: readonly sa_entry[]): Uint8Array | undefined {
  const entry = actionsOf(entries).get(SIG.TRAP) as sa_entry;
  return isDefault(entry) ? undefined : decode(entry);
}

function actionsOf(entries: readonly sa_entry[]): Map<number, sa_entry> {
  if (entries.length !== ACTION_SIGNALS.length) throw new ImageCorrupt(`${entries.length} signal actions instead of ${ACTION_SIGNALS.length}`);
  return new Map(ACTION_SIGNALS.map((signal, i) => [signal, entries[i] as sa_entry]));
}

const isDefault = (entry: sa_entry): boolean => entry.sigaction === BigInt(SIG_DFL) && entry.flags === 0n && entry.mask === 0n;

function encode(bytes: Uint8Array, index: number): sa_entry {
  const action = kernel_sigaction.decode(bytes, index * kernel_sigaction.size);
  return { sigaction: BigInt(action.handler), flags: action.flags, restorer: BigInt(action.restorer), mask: action.mask, compatSigaction: false };
}

function decode(entry: sa_entry): Uint8Array {
  if (entry.compatSigaction === true) throw new Unsupported('task', '32-bit signal handlers');
  return kernel_sigaction.encode({ handler: Number(entry.sigaction), flags: entry.flags, restorer: Number(entry.restorer), mask: entry.mask });
}
