// kcmp(2), linux/kcmp.h
import { defineStruct, u32 } from './struct.js';

export const KCMP = {
  FILE: 0,
  VM: 1,
  FILES: 2,
  FS: 3,
  SIGHAND: 4,
  IO: 5,
  SYSVSEM: 6,
  EPOLL_TFD: 7,
  TYPES: 8,
} as const;

export const kcmp_epoll_slot = /* @__PURE__ */ defineStruct(
  'kcmp_epoll_slot',
  {
    efd: u32,
    tfd: u32,
    toff: u32,
  },
  { size: 12, header: 'linux/kcmp.h' },
);
