import { describeCall, type SyscallArg, SyscallFailed } from '@criu-ts/kernel/sys';
import type { RemoteSyscalls } from '@criu-ts/tracee';

/** A remote call that has no reason to fail; its result. @throws SyscallFailed */
export function mustCall(remote: RemoteSyscalls, nr: number, ...args: readonly SyscallArg[]): number {
  const result = remote.call(nr, ...args);
  if (result < 0 && result >= -4095) throw new SyscallFailed(describeCall(nr, args), -result);
  return result;
}
