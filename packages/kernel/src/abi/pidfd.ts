// pidfd_open(2), linux/pidfd.h

export const PIDFD = {
  NONBLOCK: 0o4000,
} as const;
