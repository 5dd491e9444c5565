// stat(2), statx(2), linux/stat.h
import { array, defineStruct, i32, i64, type StructValue, u16, u32, u64 } from './struct.js';

export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o60000,
  IFDIR: 0o40000,
  IFCHR: 0o20000,
  IFIFO: 0o10000,
  ISUID: 0o4000,
  ISGID: 0o2000,
  ISVTX: 0o1000,
  IRWXU: 0o700,
  IRUSR: 0o400,
  IWUSR: 0o200,
  IXUSR: 0o100,
  IRWXG: 0o70,
  IRGRP: 0o40,
  IWGRP: 0o20,
  IXGRP: 0o10,
  IRWXO: 0o7,
  IROTH: 0o4,
  IWOTH: 0o2,
  IXOTH: 0o1,
} as const;

export const STATX = {
  TYPE: 0x1,
  MODE: 0x2,
  NLINK: 0x4,
  UID: 0x8,
  GID: 0x10,
  ATIME: 0x20,
  MTIME: 0x40,
  CTIME: 0x80,
  INO: 0x100,
  SIZE: 0x200,
  BLOCKS: 0x400,
  BASIC_STATS: 0x7ff,
  BTIME: 0x800,
  MNT_ID: 0x1000,
  DIOALIGN: 0x2000,
  ALL: 0xfff,
  MNT_ID_UNIQUE: 0x4000,
  SUBVOL: 0x8000,
  WRITE_ATOMIC: 0x10000,
  DIO_READ_ALIGN: 0x20000,
} as const;

export const STATX_ATTR = {
  COMPRESSED: 0x4,
  IMMUTABLE: 0x10,
  APPEND: 0x20,
  NODUMP: 0x40,
  ENCRYPTED: 0x800,
  AUTOMOUNT: 0x1000,
  MOUNT_ROOT: 0x2000,
  VERITY: 0x100000,
  DAX: 0x200000,
  WRITE_ATOMIC: 0x400000,
} as const;

export const statx_timestamp = /* @__PURE__ */ defineStruct(
  'statx_timestamp',
  {
    tv_sec: i64,
    tv_nsec: u32,
    _reserved: i32,
  },
  { size: 16, header: 'linux/stat.h' },
);

export const statx = /* @__PURE__ */ defineStruct(
  'statx',
  {
    stx_mask: u32,
    stx_blksize: u32,
    stx_attributes: u64,
    stx_nlink: u32,
    stx_uid: u32,
    stx_gid: u32,
    stx_mode: u16,
    _spare0: u16,
    stx_ino: u64,
    stx_size: u64,
    stx_blocks: u64,
    stx_attributes_mask: u64,
    stx_atime: statx_timestamp,
    stx_btime: statx_timestamp,
    stx_ctime: statx_timestamp,
    stx_mtime: statx_timestamp,
    stx_rdev_major: u32,
    stx_rdev_minor: u32,
    stx_dev_major: u32,
    stx_dev_minor: u32,
    stx_mnt_id: u64,
    stx_dio_mem_align: u32,
    stx_dio_offset_align: u32,
    _spare3: array(u64, 12),
  },
  { size: 256, header: 'linux/stat.h' },
);

export type Statx = StructValue<typeof statx>;

/** What stat, fstat and newfstatat fill in on x86-64. */
export const stat = /* @__PURE__ */ defineStruct(
  'stat',
  {
    st_dev: u64,
    st_ino: u64,
    st_nlink: u64,
    st_mode: u32,
    st_uid: u32,
    st_gid: u32,
    _pad0: u32,
    st_rdev: u64,
    st_size: i64,
    st_blksize: i64,
    st_blocks: i64,
    st_atime: u64,
    st_atime_nsec: u64,
    st_mtime: u64,
    st_mtime_nsec: u64,
    st_ctime: u64,
    st_ctime_nsec: u64,
    _unused: array(i64, 3),
  },
  { size: 144, header: 'asm/stat.h' },
);

export type Stat = StructValue<typeof stat>;

/**
 * A device number as stat(2) and makedev(3) write it (64 bits):
 * major bits 8…19 and 32…63, minor bits 0…7 and 20…51. The kernel fills 12 + 20 bits of them.
 */
export function makedev(major: number, minor: number): bigint {
  const [x, y] = [BigInt(major), BigInt(minor)];
  return ((x & 0xfffff000n) << 32n) | ((x & 0xfffn) << 8n) | ((y & 0xffffff00n) << 12n) | (y & 0xffn);
}

/** gnu_dev_major of a userspace device number. */
export function major(device: bigint): number {
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
}

/** gnu_dev_minor of a userspace device number. */
export function minor(device: bigint): number {
  return Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
}

/** The kernel's own dev_t: major << 20 | minor (linux/kdev_t.h MKDEV), as in sock_diag and some image fields. */
export function kernelMakedev(major: number, minor: number): number {
  return ((major << 20) | minor) >>> 0;
}

export function kernelMajor(device: number): number {
  return device >>> 20;
}

export function kernelMinor(device: number): number {
  return device & 0xfffff;
}
