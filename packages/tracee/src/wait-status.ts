import { PTRACE_EVENT } from '@criu-ts/kernel/abi';

/**
 * What wait4(2) says of a tracee, decoded (ptrace(2), "Stopped states").
 * `trap`: PTRACE_EVENT_STOP by PTRACE_INTERRUPT, or a new tracee's first stop.
 */
export type WaitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'syscall' }
  | { readonly kind: 'trap' }
  | { readonly kind: 'group-stop'; readonly signal: number }
  | { readonly kind: 'event'; readonly event: number }
  | { readonly kind: 'signal'; readonly signal: number };

const SIGTRAP = 5;
/** SIGTRAP as syscall stops show it under PTRACE_O_TRACESYSGOOD. */
const SYSCALL_TRAP = SIGTRAP | 0x80;

/** @param status the int that wait4(2) filled in, of a task that was seized */
export function parseWaitStatus(status: number): WaitStatus {
  const low = status & 0x7f;
  const high = (status >> 8) & 0xff;
  if (low === 0) return { kind: 'exited', code: high };
  if (low !== 0x7f) return { kind: 'killed', signal: low };
  const event = (status >> 16) & 0xffff;
  if (event === PTRACE_EVENT.STOP) return high === SIGTRAP ? { kind: 'trap' } : { kind: 'group-stop', signal: high };
  if (event !== 0) return { kind: 'event', event };
  return high === SYSCALL_TRAP ? { kind: 'syscall' } : { kind: 'signal', signal: high };
}
