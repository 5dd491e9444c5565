import t from 'tap';
import { core_entry_march, type core_entry } from '@criu-ts/images';
import { kernel_sigaction, SIG, siginfo_rt, SYS } from '@criu-ts/kernel/abi';
import { finalCalls } from './final-calls.js';
import { ACTION_SIGNALS } from './sigactions.js';
import { blankTaskCore, blankThreadCore } from './core-images.js';

const plain = { sigaction: 0n, flags: 0n, restorer: 0n, mask: 0n };
const trap = { sigaction: 0x1234n, flags: 4n, restorer: 0x5678n, mask: 1n };
const signals = (...numbers: number[]) => ({ signals: numbers.map((si_signo) => ({ siginfo: siginfo_rt.encode({ si_signo }) })) });

function coreWith(action: typeof plain, shared: number[], own: number[]): core_entry {
  const sigactions = ACTION_SIGNALS.map((signal) => (signal === SIG.TRAP ? action : plain));
  return { mtype: core_entry_march.X86_64, tc: { ...blankTaskCore(), sigactions, signalsS: signals(...shared) }, threadCore: { ...blankThreadCore(), signalsP: signals(...own) } };
}

const AT = 0x5000;
for (const [name, core, wanted] of [
  ['nothing special', coreWith(plain, [SIG.TERM], [SIG.USR1]), []],
  ['an action for SIGTRAP', coreWith(trap, [], []), [[SYS.rt_sigaction, SIG.TRAP, AT, 0, 8]]],
  ['SIGTRAP is pending', coreWith(plain, [SIG.TERM, SIG.TRAP], [SIG.TRAP]), [[SYS.rt_tgsigqueueinfo, 7, 8, SIG.TRAP, AT], [SYS.rt_sigqueueinfo, 7, SIG.TRAP, AT]]],
  ['SIGSTOP is the last', coreWith(plain, [SIG.TRAP], [SIG.STOP]), [[SYS.rt_sigqueueinfo, 7, SIG.TRAP, AT], [SYS.rt_tgsigqueueinfo, 7, 8, SIG.STOP, AT]]],
] as const) {
  const placed: Uint8Array[] = [];
  const calls = [...finalCalls(core, { pid: 7, tid: 8 }, (bytes) => (placed.push(bytes), AT))];
  t.same(calls.map(({ nr, args }) => [nr, ...args]), wanted, name);
  t.equal(placed.length, calls.length, `${name}: each has its bytes`);
}

t.test('the action is what the kernel takes', (t) => {
  const placed: Uint8Array[] = [];
  for (const _ of finalCalls(coreWith(trap, [], []), { pid: 7, tid: 8 }, (bytes) => (placed.push(bytes), AT)));
  t.same(kernel_sigaction.decode(placed[0] as Uint8Array), { handler: 0x1234, flags: 4n, restorer: 0x5678, mask: 1n });
  t.end();
});
