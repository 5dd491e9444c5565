// seccomp(2), linux/seccomp.h, linux/filter.h
import { array, defineStruct, i32, ptr, u16, u32, u64, u8 } from './struct.js';

export const SECCOMP = {
  MODE_DISABLED: 0x0,
  MODE_STRICT: 0x1,
  MODE_FILTER: 0x2,
  SET_MODE_STRICT: 0x0,
  SET_MODE_FILTER: 0x1,
  GET_ACTION_AVAIL: 0x2,
  GET_NOTIF_SIZES: 0x3,
} as const;

export const SECCOMP_FILTER_FLAG = {
  TSYNC: 0x1,
  LOG: 0x2,
  SPEC_ALLOW: 0x4,
  NEW_LISTENER: 0x8,
  TSYNC_ESRCH: 0x10,
  WAIT_KILLABLE_RECV: 0x20,
} as const;

export const SECCOMP_RET = {
  KILL_PROCESS: 0x80000000,
  KILL_THREAD: 0x0,
  KILL: 0x0,
  TRAP: 0x30000,
  ERRNO: 0x50000,
  USER_NOTIF: 0x7fc00000,
  TRACE: 0x7ff00000,
  LOG: 0x7ffc0000,
  ALLOW: 0x7fff0000,
  ACTION_FULL: 0xffff0000,
  ACTION: 0x7fff0000,
  DATA: 0xffff,
} as const;

export const sock_filter = /* @__PURE__ */ defineStruct(
  'sock_filter',
  {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
  },
  { size: 8, header: 'linux/filter.h' },
);

export const sock_fprog = /* @__PURE__ */ defineStruct(
  'sock_fprog',
  {
    /** filters */
    len: u16,
    filter: ptr,
  },
  { size: 16, header: 'linux/filter.h' },
);

export const seccomp_data = /* @__PURE__ */ defineStruct(
  'seccomp_data',
  {
    nr: i32,
    arch: u32,
    instruction_pointer: u64,
    args: array(u64, 6),
  },
  { size: 64, header: ['linux/types.h', 'linux/seccomp.h'] },
);

export const seccomp_metadata = /* @__PURE__ */ defineStruct(
  'seccomp_metadata',
  {
    filter_off: u64,
    flags: u64,
  },
  { size: 16, header: 'linux/ptrace.h' },
);
