// signalfd(2), linux/signalfd.h
import { bytes, defineStruct, i32, u16, u32, u64 } from './struct.js';

export const SFD = {
  CLOEXEC: 0o2000000,
  NONBLOCK: 0o4000,
} as const;

export const signalfd_siginfo = /* @__PURE__ */ defineStruct(
  'signalfd_siginfo',
  {
    ssi_signo: u32,
    ssi_errno: i32,
    ssi_code: i32,
    ssi_pid: u32,
    ssi_uid: u32,
    ssi_fd: i32,
    ssi_tid: u32,
    ssi_band: u32,
    ssi_overrun: u32,
    ssi_trapno: u32,
    ssi_status: i32,
    ssi_int: i32,
    ssi_ptr: u64,
    ssi_utime: u64,
    ssi_stime: u64,
    ssi_addr: u64,
    ssi_addr_lsb: u16,
    _pad2: u16,
    ssi_syscall: i32,
    ssi_call_addr: u64,
    ssi_arch: u32,
    _pad: bytes(28),
  },
  { size: 128, header: 'linux/signalfd.h' },
);
