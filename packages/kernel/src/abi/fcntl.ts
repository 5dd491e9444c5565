// open(2), fcntl(2), linux/fcntl.h, linux/openat2.h
import { defineStruct, i16, i32, i64, u32, u64 } from './struct.js';

export const O = {
  ACCMODE: 0o3,
  RDONLY: 0o0,
  WRONLY: 0o1,
  RDWR: 0o2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  DIRECT: 0o40000,
  LARGEFILE: 0o100000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
  NDELAY: 0o4000,
} as const;

export const F = {
  DUPFD: 0,
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  SETOWN: 8,
  GETOWN: 9,
  SETSIG: 10,
  GETSIG: 11,
  SETOWN_EX: 15,
  GETOWN_EX: 16,
  GETOWNER_UIDS: 17,
  OFD_GETLK: 36,
  OFD_SETLK: 37,
  OFD_SETLKW: 38,
  RDLCK: 0,
  WRLCK: 1,
  UNLCK: 2,
  EXLCK: 4,
  SHLCK: 8,
  LINUX_SPECIFIC_BASE: 1024,
  SETLEASE: 1024,
  GETLEASE: 1025,
  CANCELLK: 1029,
  DUPFD_CLOEXEC: 1030,
  NOTIFY: 1026,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
  ADD_SEALS: 1033,
  GET_SEALS: 1034,
  DUPFD_QUERY: 1027,
  CREATED_QUERY: 1028,
} as const;

export const FD = {
  CLOEXEC: 1,
} as const;

export const F_SEAL = {
  SEAL: 0x1,
  SHRINK: 0x2,
  GROW: 0x4,
  WRITE: 0x8,
  FUTURE_WRITE: 0x10,
  EXEC: 0x20,
} as const;

/** f_owner_ex.type */
export const F_OWNER = {
  TID: 0,
  PID: 1,
  PGRP: 2,
} as const;

export const F_RW_HINT = {
  GET_RW_HINT: 1035,
  SET_RW_HINT: 1036,
  GET_FILE_RW_HINT: 1037,
  SET_FILE_RW_HINT: 1038,
} as const;

/** Write life time hints. */
export const RWH = {
  WRITE_LIFE_NONE: 1,
  WRITE_LIFE_SHORT: 2,
  WRITE_LIFE_MEDIUM: 3,
  WRITE_LIFE_LONG: 4,
  WRITE_LIFE_EXTREME: 5,
} as const;

/** flock(2). */
export const LOCK = {
  SH: 1,
  EX: 2,
  NB: 4,
  UN: 8,
  MAND: 32,
  READ: 64,
  WRITE: 128,
  RW: 192,
} as const;

/** Flags of the *at calls; auxiliary vector types are AUXV. */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  EACCESS: 0x200,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
  STATX_SYNC_TYPE: 0x6000,
  STATX_SYNC_AS_STAT: 0x0,
  STATX_FORCE_SYNC: 0x2000,
  STATX_DONT_SYNC: 0x4000,
  RECURSIVE: 0x8000,
  HANDLE_FID: 0x200,
  HANDLE_MNT_ID_UNIQUE: 0x1,
} as const;

/** open_how.resolve */
export const RESOLVE = {
  NO_XDEV: 0x1,
  NO_MAGICLINKS: 0x2,
  NO_SYMLINKS: 0x4,
  BENEATH: 0x8,
  IN_ROOT: 0x10,
  CACHED: 0x20,
} as const;

export const SEEK = {
  SET: 0,
  CUR: 1,
  END: 2,
  DATA: 3,
  HOLE: 4,
  MAX: 4,
} as const;

export const RENAME = {
  NOREPLACE: 0x1,
  EXCHANGE: 0x2,
  WHITEOUT: 0x4,
} as const;

export const FALLOC_FL = {
  KEEP_SIZE: 0x1,
  PUNCH_HOLE: 0x2,
  NO_HIDE_STALE: 0x4,
  COLLAPSE_RANGE: 0x8,
  ZERO_RANGE: 0x10,
  INSERT_RANGE: 0x20,
  UNSHARE_RANGE: 0x40,
} as const;

export const CLOSE_RANGE = {
  UNSHARE: 0x2,
  CLOEXEC: 0x4,
} as const;

export const open_how = /* @__PURE__ */ defineStruct(
  'open_how',
  {
    flags: u64,
    mode: u64,
    resolve: u64,
  },
  { size: 24, header: 'linux/openat2.h' },
);

export const f_owner_ex = /* @__PURE__ */ defineStruct(
  'f_owner_ex',
  {
    type: i32,
    pid: i32,
  },
  { size: 8, header: 'fcntl.h' },
);

export const flock = /* @__PURE__ */ defineStruct(
  'flock',
  {
    l_type: i16,
    l_whence: i16,
    l_start: i64,
    l_len: i64,
    l_pid: i32,
  },
  { size: 32, header: 'linux/fcntl.h' },
);

/** name_to_handle_at(2); handle_bytes of f_handle follow. */
export const file_handle = /* @__PURE__ */ defineStruct(
  'file_handle',
  {
    handle_bytes: u32,
    handle_type: i32,
  },
  { size: 8, header: 'fcntl.h' },
);
