// clone(2), sched(7), linux/sched.h, linux/sched/types.h
import { defineStruct, i32, ptr, type StructValue, u32, u64 } from './struct.js';

/** Flags of clone, clone3 and unshare; those above 32 bits (clone3 only) are bigint, so that the compiler forbids mixing them. */
export const CLONE = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PIDFD: 0x1000,
  PTRACE: 0x2000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x10000,
  NEWNS: 0x20000,
  SYSVSEM: 0x40000,
  SETTLS: 0x80000,
  PARENT_SETTID: 0x100000,
  CHILD_CLEARTID: 0x200000,
  DETACHED: 0x400000,
  UNTRACED: 0x800000,
  CHILD_SETTID: 0x1000000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  IO: 0x80000000,
  CLEAR_SIGHAND: 0x100000000n,
  INTO_CGROUP: 0x200000000n,
  NEWTIME: 0x80,
} as const;

/** Mask of the exit signal in the flags of clone. */
export const CSIGNAL = {
  CSIGNAL: 0xff,
} as const;

/** Policies. */
export const SCHED = {
  NORMAL: 0,
  FIFO: 1,
  RR: 2,
  BATCH: 3,
  IDLE: 5,
  DEADLINE: 6,
  RESET_ON_FORK: 1073741824,
  EXT: 7,
} as const;

/** sched_attr.sched_flags */
export const SCHED_FLAG = {
  RESET_ON_FORK: 0x1,
  RECLAIM: 0x2,
  DL_OVERRUN: 0x4,
  KEEP_POLICY: 0x8,
  KEEP_PARAMS: 0x10,
  UTIL_CLAMP_MIN: 0x20,
  UTIL_CLAMP_MAX: 0x40,
  KEEP_ALL: 0x18,
  UTIL_CLAMP: 0x60,
  ALL: 0x7f,
} as const;

export const clone_args = /* @__PURE__ */ defineStruct(
  'clone_args',
  {
    flags: u64,
    /** where to store the pidfd */
    pidfd: ptr,
    child_tid: ptr,
    parent_tid: ptr,
    exit_signal: u64,
    /** lowest byte */
    stack: ptr,
    stack_size: u64,
    tls: ptr,
    /** array of pid_t, innermost namespace first */
    set_tid: ptr,
    /** elements */
    set_tid_size: u64,
    /** descriptor, with CLONE.INTO_CGROUP */
    cgroup: u64,
  },
  { size: 88, header: 'linux/sched.h' },
);

export type CloneArgs = StructValue<typeof clone_args>;

export const sched_param = /* @__PURE__ */ defineStruct(
  'sched_param',
  {
    sched_priority: i32,
  },
  { size: 4, header: ['linux/types.h', 'linux/sched/types.h'] },
);

export const sched_attr = /* @__PURE__ */ defineStruct(
  'sched_attr',
  {
    size: u32,
    sched_policy: u32,
    sched_flags: u64,
    sched_nice: i32,
    sched_priority: u32,
    /** ns */
    sched_runtime: u64,
    /** ns */
    sched_deadline: u64,
    /** ns */
    sched_period: u64,
    sched_util_min: u32,
    sched_util_max: u32,
  },
  { size: 56, header: ['linux/types.h', 'linux/sched/types.h'] },
);

export type SchedAttr = StructValue<typeof sched_attr>;
