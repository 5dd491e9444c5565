// clock_gettime(2), timer_create(2), linux/time.h
import { defineStruct, i32, i64, type StructValue, u64 } from './struct.js';

/** Clock ids. CPU clocks of a task are negative: see MAKE_PROCESS_CPUCLOCK in linux/posix-timers.h. */
export const CLOCK = {
  REALTIME: 0,
  MONOTONIC: 1,
  PROCESS_CPUTIME_ID: 2,
  THREAD_CPUTIME_ID: 3,
  MONOTONIC_RAW: 4,
  REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6,
  BOOTTIME: 7,
  REALTIME_ALARM: 8,
  BOOTTIME_ALARM: 9,
  SGI_CYCLE: 10,
  TAI: 11,
} as const;

export const ITIMER = {
  REAL: 0,
  VIRTUAL: 1,
  PROF: 2,
} as const;

export const TIMER = {
  ABSTIME: 1,
} as const;

export const SIGEV = {
  SIGNAL: 0,
  NONE: 1,
  THREAD: 2,
  THREAD_ID: 4,
} as const;

export const timespec = /* @__PURE__ */ defineStruct(
  'timespec',
  {
    tv_sec: i64,
    tv_nsec: i64,
  },
  { size: 16, header: 'linux/time.h' },
);

export const timeval = /* @__PURE__ */ defineStruct(
  'timeval',
  {
    tv_sec: i64,
    tv_usec: i64,
  },
  { size: 16, header: 'linux/time.h' },
);

export const itimerspec = /* @__PURE__ */ defineStruct(
  'itimerspec',
  {
    it_interval: timespec,
    it_value: timespec,
  },
  { size: 32, header: 'linux/time.h' },
);

export const itimerval = /* @__PURE__ */ defineStruct(
  'itimerval',
  {
    it_interval: timeval,
    it_value: timeval,
  },
  { size: 32, header: 'linux/time.h' },
);

export const sigevent = /* @__PURE__ */ defineStruct(
  'sigevent',
  {
    sigev_value: u64,
    sigev_signo: i32,
    sigev_notify: i32,
    /** with SIGEV.THREAD_ID */
    sigev_notify_thread_id: i32,
  },
  { size: 64, header: ['linux/types.h', 'asm/siginfo.h'], openEnd: true, members: { sigev_notify_thread_id: '_sigev_un._tid' } },
);

export type Timespec = StructValue<typeof timespec>;

export type Itimerspec = StructValue<typeof itimerspec>;

export type Itimerval = StructValue<typeof itimerval>;
