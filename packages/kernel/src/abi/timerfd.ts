// timerfd_create(2), linux/timerfd.h

export const TFD = {
  TIMER_ABSTIME: 0o1,
  TIMER_CANCEL_ON_SET: 0o2,
  CLOEXEC: 0o2000000,
  NONBLOCK: 0o4000,
} as const;

export const TFD_IOC = {
  SET_TICKS: 0x40085400,
} as const;
