// inotify(7), linux/inotify.h
import { defineStruct, i32, u32 } from './struct.js';

export const IN = {
  ACCESS: 0x1,
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  CLOSE_NOWRITE: 0x10,
  OPEN: 0x20,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  CLOSE: 0x18,
  MOVE: 0xc0,
  ONLYDIR: 0x1000000,
  DONT_FOLLOW: 0x2000000,
  EXCL_UNLINK: 0x4000000,
  MASK_CREATE: 0x10000000,
  MASK_ADD: 0x20000000,
  ISDIR: 0x40000000,
  ONESHOT: 0x80000000,
  ALL_EVENTS: 0xfff,
  CLOEXEC: 0x80000,
  NONBLOCK: 0x800,
} as const;

/** `len` bytes of name follow. */
export const inotify_event = /* @__PURE__ */ defineStruct(
  'inotify_event',
  {
    wd: i32,
    mask: u32,
    cookie: u32,
    len: u32,
  },
  { size: 16, header: 'linux/inotify.h' },
);
