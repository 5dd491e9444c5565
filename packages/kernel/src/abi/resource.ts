// getrlimit(2), asm/resource.h
import { defineStruct, type StructValue, u64 } from './struct.js';

export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const;

export const PRIO = {
  MIN: -20,
  MAX: 20,
  PROCESS: 0,
  PGRP: 1,
  USER: 2,
} as const;

export const RUSAGE = {
  SELF: 0,
  CHILDREN: -1,
  BOTH: -2,
  THREAD: 1,
} as const;

/** rlim_t without a limit. */
export const RLIM_INFINITY = 0xffffffffffffffffn;

export const rlimit = /* @__PURE__ */ defineStruct(
  'rlimit64',
  {
    rlim_cur: u64,
    rlim_max: u64,
  },
  { size: 16, header: 'linux/resource.h' },
);

export type Rlimit = StructValue<typeof rlimit>;
