// epoll(7), linux/eventpoll.h
import { defineStruct, type StructValue, u32, u64 } from './struct.js';

export const EPOLL_CTL = {
  ADD: 1,
  DEL: 2,
  MOD: 3,
} as const;

/** Events, and CLOEXEC of epoll_create1. */
export const EPOLL = {
  IN: 0x1,
  PRI: 0x2,
  OUT: 0x4,
  ERR: 0x8,
  HUP: 0x10,
  NVAL: 0x20,
  RDNORM: 0x40,
  RDBAND: 0x80,
  WRNORM: 0x100,
  WRBAND: 0x200,
  MSG: 0x400,
  RDHUP: 0x2000,
  EXCLUSIVE: 0x10000000,
  WAKEUP: 0x20000000,
  ONESHOT: 0x40000000,
  ET: 0x80000000,
} as const;

/** Packed on x86-64. */
export const epoll_event = /* @__PURE__ */ defineStruct(
  'epoll_event',
  {
    events: u32,
    data: u64,
  },
  { size: 12, header: ['linux/types.h', 'linux/eventpoll.h'], packed: true },
);

export type EpollEvent = StructValue<typeof epoll_event>;
