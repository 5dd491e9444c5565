// wait(2), linux/wait.h

/** Options of wait4 and waitid. */
export const W = {
  NOHANG: 0x1,
  UNTRACED: 0x2,
  STOPPED: 0x2,
  EXITED: 0x4,
  CONTINUED: 0x8,
  NOWAIT: 0x1000000,
} as const;

/** __WALL, __WCLONE, __WNOTHREAD. */
export const WAIT = {
  CHAR_MAX__: 0x7fffffff,
  CHAR_MIN__: -2147483648,
  INT_MAX__: 0xffffffff,
  INT_MIN__: 0x0,
  CHAR_WIDTH__: 0x20,
  INT_WIDTH__: 0x20,
  NOTHREAD: 0x20000000,
  ALL: 0x40000000,
  CLONE: 0x80000000,
} as const;

/** idtype_t of waitid. */
export const P = {
  ALL: 0,
  PID: 1,
  PGID: 2,
  PIDFD: 3,
} as const;
