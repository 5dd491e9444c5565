// io_uring_setup(2), linux/io_uring.h
import { array, defineStruct, u32 } from './struct.js';

export const IORING_SETUP = {
  IOPOLL: 1 << 0,
  SQPOLL: 1 << 1,
  SQ_AFF: 1 << 2,
  CQSIZE: 1 << 3,
  CLAMP: 1 << 4,
  ATTACH_WQ: 1 << 5,
  R_DISABLED: 1 << 6,
  SUBMIT_ALL: 1 << 7,
  COOP_TASKRUN: 1 << 8,
  TASKRUN_FLAG: 1 << 9,
  SQE128: 1 << 10,
  CQE32: 1 << 11,
  SINGLE_ISSUER: 1 << 12,
  DEFER_TASKRUN: 1 << 13,
} as const;

export const IORING_ENTER = {
  GETEVENTS: 1 << 0,
  REGISTERED_RING: 1 << 4,
} as const;

/** Opcodes of io_uring_register(2). */
export const IORING_REGISTER = {
  EVENTFD: 4,
  PROBE: 8,
  PBUF_STATUS: 26,
} as const;

/** Where mmap(2) finds the parts of a ring. */
export const IORING_OFF = {
  SQ_RING: 0,
  CQ_RING: 0x800_0000,
  SQES: 0x1000_0000,
} as const;

/** Offsets in the ring. */
export const io_sqring_offsets = /* @__PURE__ */ defineStruct(
  'io_sqring_offsets',
  { head: u32, tail: u32, ring_mask: u32, ring_entries: u32, flags: u32, dropped: u32, array: u32, resv1: u32 },
  { size: 40, header: 'linux/io_uring.h', openEnd: true },
);

export const io_cqring_offsets = /* @__PURE__ */ defineStruct(
  'io_cqring_offsets',
  { head: u32, tail: u32, ring_mask: u32, ring_entries: u32, overflow: u32, cqes: u32, flags: u32, resv1: u32 },
  { size: 40, header: 'linux/io_uring.h', openEnd: true },
);

export const io_uring_params = /* @__PURE__ */ defineStruct(
  'io_uring_params',
  {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    resv: array(u32, 3),
    sq_off: io_sqring_offsets,
    cq_off: io_cqring_offsets,
  },
  { size: 120, header: 'linux/io_uring.h' },
);
