import t from 'tap';
import { PTRACE_EVENT, SIG } from '@criu-ts/kernel/abi';
import { parseWaitStatus, type WaitStatus } from './wait-status.js';

const stopped = (signal: number, event = 0): number => 0x7f | (signal << 8) | (event << 16);

const rows: [name: string, status: number, expected: WaitStatus][] = [
  ['exit(0)', 0, { kind: 'exited', code: 0 }],
  ['exit(255)', 0xff00, { kind: 'exited', code: 255 }],
  ['SIGKILL', SIG.KILL, { kind: 'killed', signal: 9 }],
  ['SIGSEGV with a core', SIG.SEGV | 0x80, { kind: 'killed', signal: 11 }],
  ['a real-time signal', 64, { kind: 'killed', signal: 64 }],
  ['a system call (TRACESYSGOOD)', stopped(SIG.TRAP | 0x80), { kind: 'syscall' }],
  ['a breakpoint', stopped(SIG.TRAP), { kind: 'signal', signal: 5 }],
  ['a signal on its way', stopped(SIG.USR1), { kind: 'signal', signal: 10 }],
  ['SIGSTOP on its way', stopped(SIG.STOP), { kind: 'signal', signal: 19 }],
  ['an interrupt', stopped(SIG.TRAP, PTRACE_EVENT.STOP), { kind: 'trap' }],
  ['a group-stop by SIGSTOP', stopped(SIG.STOP, PTRACE_EVENT.STOP), { kind: 'group-stop', signal: 19 }],
  ['a group-stop by SIGTTIN', stopped(SIG.TTIN, PTRACE_EVENT.STOP), { kind: 'group-stop', signal: 21 }],
  ['fork', stopped(SIG.TRAP, PTRACE_EVENT.FORK), { kind: 'event', event: 1 }],
  ['clone', stopped(SIG.TRAP, PTRACE_EVENT.CLONE), { kind: 'event', event: 3 }],
  ['seccomp', stopped(SIG.TRAP, PTRACE_EVENT.SECCOMP), { kind: 'event', event: 7 }],
];
for (const [name, status, expected] of rows) t.same(parseWaitStatus(status), expected, name);
