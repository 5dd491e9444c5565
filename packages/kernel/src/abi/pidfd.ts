// pidfd_open(2), linux/pidfd.h

export const PIDFD = {
  NONBLOCK: 0o4000,
  /** O_EXCL: of a thread, since Linux 6.9. */
  THREAD: 0o200,
} as const;
