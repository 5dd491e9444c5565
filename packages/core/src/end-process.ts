import { SYS } from '@criu-ts/kernel/abi';
import { rawSyscall } from '@criu-ts/kernel/sys';

/**
 * Ends this process at once: `exit` listeners run, destructors of native code don't. koffi's would fsync(2) stdout and
 * stderr, which costs 5 ms and more where they are files on a disk. Whatever was to be written must be.
 */
export function endProcess(code: number): never {
  process.exitCode = code;
  process.emit('exit', code);
  rawSyscall(SYS.exit_group, code);
  process.exit(code);
}
