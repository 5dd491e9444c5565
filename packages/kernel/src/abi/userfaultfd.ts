// userfaultfd(2), ioctl_userfaultfd(2), linux/userfaultfd.h
import { _IO, _IOR, _IOWR } from './ioctl-number.js';
import { defineStruct, i64, ptr, u16, u32, u64, u8 } from './struct.js';

export const UFFD = {
  API: 0xaa,
  USER_MODE_ONLY: 0x1,
} as const;

export const UFFD_EVENT = {
  PAGEFAULT: 0x12,
  FORK: 0x13,
  REMAP: 0x14,
  REMOVE: 0x15,
  UNMAP: 0x16,
} as const;

export const UFFD_PAGEFAULT_FLAG = {
  WRITE: 0x1,
  WP: 0x2,
  MINOR: 0x4,
} as const;

/** uffdio_api.features */
export const UFFD_FEATURE = {
  PAGEFAULT_FLAG_WP: 0x1,
  EVENT_FORK: 0x2,
  EVENT_REMAP: 0x4,
  EVENT_REMOVE: 0x8,
  MISSING_HUGETLBFS: 0x10,
  MISSING_SHMEM: 0x20,
  EVENT_UNMAP: 0x40,
  SIGBUS: 0x80,
  THREAD_ID: 0x100,
  MINOR_HUGETLBFS: 0x200,
  MINOR_SHMEM: 0x400,
  EXACT_ADDRESS: 0x800,
  WP_HUGETLBFS_SHMEM: 0x1000,
  WP_UNPOPULATED: 0x2000,
  POISON: 0x4000,
  WP_ASYNC: 0x8000,
  MOVE: 0x10000,
} as const;

/** Bits of uffdio_api.ioctls and uffdio_register.ioctls. */
export const UFFDIO_NR = {
  REGISTER: 0x0,
  UNREGISTER: 0x1,
  WAKE: 0x2,
  COPY: 0x3,
  ZEROPAGE: 0x4,
  WRITEPROTECT: 0x6,
  CONTINUE: 0x7,
  API: 0x3f,
  MOVE: 0x5,
  POISON: 0x8,
} as const;

export const UFFDIO_REGISTER_MODE = {
  MISSING: 0x1,
  WP: 0x2,
  MINOR: 0x4,
} as const;

export const UFFDIO_COPY_MODE = {
  DONTWAKE: 0x1,
  WP: 0x2,
} as const;

export const UFFDIO_ZEROPAGE_MODE = {
  DONTWAKE: 0x1,
} as const;

export const UFFDIO_WRITEPROTECT_MODE = {
  WP: 0x1,
  DONTWAKE: 0x2,
} as const;

export const UFFDIO_CONTINUE_MODE = {
  DONTWAKE: 0x1,
} as const;

export const uffdio_api = /* @__PURE__ */ defineStruct(
  'uffdio_api',
  {
    api: u64,
    features: u64,
    ioctls: u64,
  },
  { size: 24, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_range = /* @__PURE__ */ defineStruct(
  'uffdio_range',
  {
    start: ptr,
    len: ptr,
  },
  { size: 16, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_register = /* @__PURE__ */ defineStruct(
  'uffdio_register',
  {
    range: uffdio_range,
    mode: u64,
    /** out: a bit for each of UFFDIO_NR */
    ioctls: u64,
  },
  { size: 32, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_copy = /* @__PURE__ */ defineStruct(
  'uffdio_copy',
  {
    dst: ptr,
    src: ptr,
    len: ptr,
    mode: u64,
    /** out: bytes copied, or −errno */
    copy: i64,
  },
  { size: 40, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_zeropage = /* @__PURE__ */ defineStruct(
  'uffdio_zeropage',
  {
    range: uffdio_range,
    mode: u64,
    zeropage: i64,
  },
  { size: 32, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_writeprotect = /* @__PURE__ */ defineStruct(
  'uffdio_writeprotect',
  {
    range: uffdio_range,
    mode: u64,
  },
  { size: 24, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_continue = /* @__PURE__ */ defineStruct(
  'uffdio_continue',
  {
    range: uffdio_range,
    mode: u64,
    mapped: i64,
  },
  { size: 32, header: ['linux/ioctl.h', 'linux/userfaultfd.h'] },
);

export const uffdio_poison = /* @__PURE__ */ defineStruct(
  'uffdio_poison',
  {
    range: uffdio_range,
    mode: u64,
    updated: i64,
  },
  { size: 32, header: ['linux/ioctl.h', 'linux/userfaultfd.h'], since: { '*': '6.6' } },
);

export const uffdio_move = /* @__PURE__ */ defineStruct(
  'uffdio_move',
  {
    dst: ptr,
    src: ptr,
    len: ptr,
    mode: u64,
    move: i64,
  },
  { size: 40, header: ['linux/ioctl.h', 'linux/userfaultfd.h'], since: { '*': '6.8' } },
);

/** A read of the descriptor gives these; pagefault variant. */
export const uffd_msg_pagefault = /* @__PURE__ */ defineStruct(
  'uffd_msg_pagefault',
  {
    event: u8,
    _reserved1: u8,
    _reserved2: u16,
    _reserved3: u32,
    flags: u64,
    address: u64,
    ptid: u32,
  },
  { size: 32, header: ['linux/ioctl.h', 'linux/userfaultfd.h'], c: 'struct uffd_msg', packed: true, openEnd: true, members: { flags: 'arg.pagefault.flags', address: 'arg.pagefault.address', ptid: 'arg.pagefault.feat.ptid' } },
);

/** ioctl numbers (type 0xAA), computed as the header does. */
export const UFFDIO = {
  API: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.API, uffdio_api.size),
  REGISTER: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.REGISTER, uffdio_register.size),
  UNREGISTER: /* @__PURE__ */ _IOR(0xaa, UFFDIO_NR.UNREGISTER, uffdio_range.size),
  WAKE: /* @__PURE__ */ _IOR(0xaa, UFFDIO_NR.WAKE, uffdio_range.size),
  COPY: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.COPY, uffdio_copy.size),
  ZEROPAGE: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.ZEROPAGE, uffdio_zeropage.size),
  MOVE: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.MOVE, uffdio_move.size),
  WRITEPROTECT: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.WRITEPROTECT, uffdio_writeprotect.size),
  CONTINUE: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.CONTINUE, uffdio_continue.size),
  POISON: /* @__PURE__ */ _IOWR(0xaa, UFFDIO_NR.POISON, uffdio_poison.size),
} as const;
/** ioctl of /dev/userfaultfd that makes a userfaultfd. */
export const USERFAULTFD_IOC_NEW = /* @__PURE__ */ _IO(0xaa, 0x00);
