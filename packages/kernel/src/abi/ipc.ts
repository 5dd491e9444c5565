// System V IPC: ipc(2), shmget(2), shmctl(2); linux/ipc.h, linux/shm.h
import { defineStruct, i32, u16, u32, u64 } from './struct.js';

export const IPC = {
  PRIVATE: 0,
  CREAT: 0o1000,
  EXCL: 0o2000,
  RMID: 0,
  SET: 1,
  STAT: 2,
} as const;

export const SHM = {
  /** shmget(2); the size of the pages above it, see HUGE_SHIFT. */
  HUGETLB: 0o4000,
  /** shmat(2) */
  RDONLY: 0o10000,
  /** shmctl(2) */
  LOCK: 11,
} as const;

/** Bits above the permissions in a segment's mode. */
export const SHM_MODE = {
  /** To be removed with the last attachment. */
  DEST: 0o1000,
  /** Kept in memory. */
  LOCKED: 0o2000,
} as const;

/** shmid_ds, as shmctl(2) IPC_STAT and IPC_SET have it. */
export const shmid64_ds = /* @__PURE__ */ defineStruct(
  'shmid64_ds',
  {
    key: i32,
    uid: u32,
    gid: u32,
    cuid: u32,
    cgid: u32,
    mode: u32,
    seq: u16,
    _pad: u16,
    _unused1: u64,
    _unused2: u64,
    shm_segsz: u64,
    shm_atime: u64,
    shm_dtime: u64,
    shm_ctime: u64,
    shm_cpid: i32,
    shm_lpid: i32,
    shm_nattch: u64,
    _unused4: u64,
    _unused5: u64,
  },
  {
    size: 112,
    header: ['linux/shm.h'],
    members: { key: 'shm_perm.key', uid: 'shm_perm.uid', gid: 'shm_perm.gid', cuid: 'shm_perm.cuid', cgid: 'shm_perm.cgid', mode: 'shm_perm.mode', seq: 'shm_perm.seq' },
  },
);
