// mount(2), mount_setattr(2), linux/mount.h
import { defineStruct, u64 } from './struct.js';

/** Flags of mount(2); msync's are MS. */
export const MS_MOUNT = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  SYNCHRONOUS: 0x10,
  REMOUNT: 0x20,
  MANDLOCK: 0x40,
  DIRSYNC: 0x80,
  NOSYMFOLLOW: 0x100,
  NOATIME: 0x400,
  NODIRATIME: 0x800,
  BIND: 0x1000,
  MOVE: 0x2000,
  REC: 0x4000,
  VERBOSE: 0x8000,
  SILENT: 0x8000,
  POSIXACL: 0x10000,
  UNBINDABLE: 0x20000,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
  SHARED: 0x100000,
  RELATIME: 0x200000,
  KERNMOUNT: 0x400000,
  I_VERSION: 0x800000,
  STRICTATIME: 0x1000000,
  LAZYTIME: 0x2000000,
  SUBMOUNT: 0x4000000,
  NOREMOTELOCK: 0x8000000,
  NOSEC: 0x10000000,
  BORN: 0x20000000,
  ACTIVE: 0x40000000,
  NOUSER: -2147483648,
  RMT_MASK: 0x2800051,
  MGC_VAL: 0xc0ed0000,
  MGC_MSK: 0xffff0000,
} as const;

/** umount2(2) */
export const MNT = {
  FORCE: 1,
  DETACH: 2,
  EXPIRE: 4,
} as const;

export const UMOUNT = {
  NOFOLLOW: 8,
} as const;

export const OPEN_TREE = {
  CLONE: 0x1,
} as const;

export const MOVE_MOUNT = {
  F_SYMLINKS: 0x1,
  F_AUTOMOUNTS: 0x2,
  F_EMPTY_PATH: 0x4,
  T_SYMLINKS: 0x10,
  T_AUTOMOUNTS: 0x20,
  T_EMPTY_PATH: 0x40,
  SET_GROUP: 0x100,
  BENEATH: 0x200,
} as const;

export const FSOPEN = {
  CLOEXEC: 0x1,
} as const;

export const FSMOUNT = {
  CLOEXEC: 0x1,
} as const;

export const FSPICK = {
  CLOEXEC: 0x1,
  SYMLINK_NOFOLLOW: 0x2,
  NO_AUTOMOUNT: 0x4,
  EMPTY_PATH: 0x8,
} as const;

export const FSCONFIG = {
  SET_FLAG: 0,
  SET_STRING: 1,
  SET_BINARY: 2,
  SET_PATH: 3,
  SET_PATH_EMPTY: 4,
  SET_FD: 5,
  CMD_CREATE: 6,
  CMD_RECONFIGURE: 7,
} as const;

export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  RELATIME: 0x0,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

export const mount_attr = /* @__PURE__ */ defineStruct(
  'mount_attr',
  {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
  },
  { size: 32, header: ['linux/types.h', 'linux/mount.h'] },
);
