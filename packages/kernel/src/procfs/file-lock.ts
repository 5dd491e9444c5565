// "lock:" lines of /proc/PID/fdinfo/FD and the lines of /proc/locks (fs/locks.c lock_get_status).
import { ProcFormatError } from './errors.js';
import { decimal, decimal64, fieldsOf, hex } from './lines.js';

export interface FileLock {
  readonly kind: 'POSIX' | 'OFDLCK' | 'FLOCK' | 'LEASE' | 'DELEG';
  /** ADVISORY; for leases and delegations ACTIVE, BREAKING or BREAKER. */
  readonly mode: string;
  readonly access: 'READ' | 'WRITE' | 'UNLCK' | 'NONE';
  /** Owner in the reader's PID namespace; −1 for OFDLCK, 0: the owner is not in this namespace. */
  readonly pid: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly inode: bigint;
  readonly start: bigint;
  /** Last byte; undefined: to the end of the file, however it grows. */
  readonly end: bigint | undefined;
}

const kinds: ReadonlySet<string> = new Set(['POSIX', 'OFDLCK', 'FLOCK', 'LEASE', 'DELEG']);
const accesses: ReadonlySet<string> = new Set(['READ', 'WRITE', 'UNLCK', 'NONE']);

/** `1: POSIX  ADVISORY  WRITE 29877 fe:00:2206010 5 14`. @throws ProcFormatError */
export function parseFileLock(line: string, file = 'fdinfo'): FileLock {
  const [kind, mode, access, pid, major, minor, inode, start, end] = fieldsOf(
    file,
    line,
    /^\s*\d+: (\w+) +(\S+) +(\w+) +(-?\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) (\d+) (\d+|EOF)\s*$/,
  );
  if (!kinds.has(kind as string)) throw new ProcFormatError(file, line, 'unknown kind of lock');
  if (!accesses.has(access as string)) throw new ProcFormatError(file, line, 'unknown lock access');
  return {
    kind: kind as FileLock['kind'],
    mode: mode as string,
    access: access as FileLock['access'],
    pid: decimal(file, pid),
    devMajor: hex(file, major),
    devMinor: hex(file, minor),
    inode: decimal64(file, inode),
    start: decimal64(file, start),
    end: end === 'EOF' ? undefined : decimal64(file, end),
  };
}
